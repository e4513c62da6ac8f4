namespace TransformerCc.Verification;

/// <summary>How an output of indices stands beside its golden.</summary>
/// <param name="Scores">The output by whose elements differences are judged.</param>
/// <param name="Rows">Indices compared.</param>
/// <param name="Differing">Those that are another than the golden.</param>
/// <param name="Allowed">Those of them that may be: the scores of both differ by less than the tolerance.</param>
/// <param name="Differences">The first of them, those that are not allowed before others.</param>
public sealed record IndexAgreement(string Scores, long Rows, long Differing, long Allowed, IReadOnlyList<IndexDifference> Differences);

/// <summary>An index that is another than its golden.</summary>
/// <param name="Row">Where it stands in the output, along each axis.</param>
/// <param name="Reason">Why it may be, or may not, in words.</param>
/// <param name="IsOfGolden">Not allowed, for a reason that lies in the golden alone: no other precision can mend it.</param>
public sealed record IndexDifference(IReadOnlyList<long> Row, long Actual, long Golden, bool IsAllowed, string Reason, bool IsOfGolden)
{
    public override string ToString() => FormattableString.Invariant($"row {(Row.Count == 1 ? $"{Row[0]}" : $"[{string.Join(", ", Row)}]")}: index {Actual}, golden {Golden}: {Reason}");
}
