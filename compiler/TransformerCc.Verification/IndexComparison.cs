using System.Globalization;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Verification;

/// <summary>
/// Indices beside their golden. Which of two nearly equal scores wins is a matter of rounding; so an index may differ from its
/// golden where the scores of the two candidates differ by less than the tolerance, and nowhere else. The scores are the golden
/// ones where there are any. The chip's index must besides be the one that the operator gives for the chip's own scores.
/// </summary>
internal sealed class IndexComparison
{
    /// <summary>Differences that are told one by one.</summary>
    private const int Told = 8;

    private readonly IndexOutput _index;
    private readonly Tensor _golden;
    private readonly long[] _actuals, _goldens;
    private readonly int _ranks;
    private readonly Side? _goldenSide, _actualSide;
    private readonly Tolerance _rule;
    private readonly double _largest;

    private IndexComparison(IndexOutput index, Tensor actual, Tensor golden, Tensor? goldenScores, Tensor? actualScores, Tolerance tolerance)
    {
        (_index, _golden, _actuals, _goldens) = (index, golden, TensorMath.Longs(actual), TensorMath.Longs(golden));
        Tensor? scores = goldenScores ?? actualScores;
        _ranks = scores is null ? 0 : Ranks(scores);
        _goldenSide = SideOf(goldenScores, _goldens);
        _actualSide = SideOf(actualScores, _actuals);
        _rule = tolerance.For(scores?.Type ?? ElementType.F32);
        double[] judged = (_goldenSide ?? _actualSide)?.Values ?? [];
        _largest = judged.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
    }

    public static OutputComparison Compare(IndexOutput index, Tensor actual, Tensor golden, Tensor? goldenScores, Tensor? actualScores, Tolerance tolerance)
    {
        OutputComparison exact = OutputComparison.Compare(index.Name, actual, golden, tolerance);
        return exact.Problem is not null ? exact : new IndexComparison(index, actual, golden, goldenScores, actualScores, tolerance).Judge(exact);
    }

    private OutputComparison Judge(OutputComparison exact)
    {
        var differences = new List<IndexDifference>();
        var judged = (long[])_actuals.Clone();
        long differing = 0, allowed = 0;
        bool isOfGolden = true;
        for (int i = 0; i < _goldens.Length; i++)
        {
            bool isOutside = IsOutside(_goldens[i]);
            if (_actuals[i] == _goldens[i] && !isOutside)
            {
                continue;
            }
            IndexDifference difference = isOutside ? Refused(i, Extent is { } extent ? FormattableString.Invariant($"the golden is out of range: there are {extent} candidates") : "the golden is negative", true) : Difference(i);
            differing++;
            if (difference.IsAllowed)
            {
                allowed++;
                judged[i] = _goldens[i];
            }
            isOfGolden &= difference.IsAllowed || difference.IsOfGolden;
            differences.Add(difference);
        }
        bool passed = allowed == differing;
        // A row that may differ is no error.
        ErrorMeasures errors = ErrorMeasures.Of(Array.ConvertAll(judged, v => (double)v), Array.ConvertAll(_goldens, v => (double)v));
        IndexDifference[] told = [.. differences.OrderBy(d => d.IsAllowed).Take(Told)];
        return exact with
        {
            Errors = errors,
            Passed = passed,
            MayBeRounding = !passed && !isOfGolden,
            Indices = new(_index.Scores, _goldens.Length, differing, allowed, told),
            Remarks = [.. told.Select(d => d.ToString()), .. differing > told.Length ? [FormattableString.Invariant($"and {differing - told.Length} other rows")] : Array.Empty<string>()],
        };
    }

    private IndexDifference Difference(int i)
    {
        (long actual, long golden) = (_actuals[i], _goldens[i]);
        if (_ranks > 1 && RowOf(_goldens, i).Count(golden) > 1)
        {
            return Refused(i, "the golden has this index twice", true);
        }
        if (_actualSide?.Best?.Value is { } own && own[i] != actual)
        {
            return Refused(i, FormattableString.Invariant($"the chip's own \"{_index.Scores}\" have their best at {own[i]}"), false);
        }
        if ((_goldenSide ?? _actualSide) is not { } side || side.Of(i, golden) is not double g || side.Of(i, actual) is not double a)
        {
            return Refused(i, $"exact, because \"{_index.Scores}\" do not tell the scores of both", false);
        }
        double distance = ErrorMeasures.ErrorOf(a, g), limit = _rule.Allowed(g, _largest);
        string whose = _goldenSide is null ? "the chip's" : "the golden";
        string scores = string.Create(CultureInfo.InvariantCulture, $"{whose} \"{_index.Scores}\" are {a:G6} and {g:G6} there and differ by {distance:G3}");
        if (!(distance < limit))
        {
            long? best = _goldenSide?.Best?.Value[i];
            bool contradicts = best is not null && best != golden;
            return Refused(i, string.Create(CultureInfo.InvariantCulture, $"{scores}, allowed is less than {limit:G3}{(contradicts ? $"; they have their best at {best}" : "")}"), contradicts);
        }
        return distance == 0 && _goldenSide is not null && _actualSide is { } chip && chip.Of(i, golden) is double own0 && own0.Equals(chip.Of(i, actual))
            ? Refused(i, $"their \"{_index.Scores}\" are equal, in the golden and on the chip: the operator takes the first of equal ones", true)
            : new(Row(i), actual, golden, true, string.Create(CultureInfo.InvariantCulture, $"allowed, because {scores}, less than the tolerance of {limit:G3}"), false);
    }

    private IndexDifference Refused(int i, string reason, bool isOfGolden) => new(Row(i), _actuals[i], _goldens[i], false, reason, isOfGolden);

    private long[] Row(int i) => TensorDifference.IndexOf(_golden, i);

    private Span<long> RowOf(long[] indices, int i) => indices.AsSpan(i / _ranks * _ranks, _ranks);

    private long? Extent => (_goldenSide ?? _actualSide)?.Extent;

    private bool IsOutside(long index) => index < 0 || index >= Extent;

    /// <summary>How many indices each row of scores has; 0 where the scores are not those of so many indices.</summary>
    private int Ranks(Tensor scores)
    {
        if (_index.Op is not TopK)
        {
            return 1;
        }
        long rows = scores.Rank == 0 || scores.Shape[^1] == 0 ? 0 : _index.AreAll ? scores.Count / scores.Shape[^1] : _goldens.Length / scores.Shape[^1];
        return rows == 0 || _goldens.Length % rows != 0 ? 0 : (int)(_goldens.Length / rows);
    }

    /// <summary>Null where the scores are missing, or are not those of so many indices.</summary>
    private Side? SideOf(Tensor? scores, long[] indices)
    {
        if (scores is null || _ranks == 0 || indices.Length == 0 || !scores.Type.IsFloat())
        {
            return null;
        }
        double[] values = TensorMath.Doubles(scores);
        if (!_index.AreAll)
        {
            return values.Length != indices.Length ? null : new Side(values, null, null, (i, candidate) =>
            {
                int at = RowOf(indices, i).IndexOf(candidate);
                return at < 0 ? null : values[(i / _ranks * _ranks) + at];
            });
        }
        int axis = _index.Op is Reduce reduce ? (int)reduce.Axes[0] : scores.Rank - 1;
        if (axis < 0 || axis >= scores.Rank || scores.Shape[axis] == 0 || values.Length / scores.Shape[axis] * _ranks != indices.Length)
        {
            return null;
        }
        long extent = scores.Shape[axis], inner = 1;
        foreach (long d in scores.Shape[(axis + 1)..])
        {
            inner *= d;
        }
        return new Side(values, extent, new(() => _index.Best(scores, _ranks)), (i, candidate) =>
        {
            (long outer, long within) = Math.DivRem(i / _ranks, inner);
            return candidate < 0 || candidate >= extent ? null : values[(((outer * extent) + candidate) * inner) + within];
        });
    }

    /// <summary>The scores of the golden, or of the chip.</summary>
    /// <param name="Extent">Candidates of a row; null where only the best are known.</param>
    /// <param name="Best">The indices that belong to these scores; null where only the best are known.</param>
    /// <param name="Of">The score of a candidate in the row of an index; null where it is not known.</param>
    private sealed record Side(double[] Values, long? Extent, Lazy<long[]>? Best, Func<int, long, double?> Of);
}
