using System.Globalization;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>
/// Valid models with changed attributes, inputs, outputs and versions, against ONNX Runtime: what both accept must be equal, what
/// only we accept must be said. Every sixteenth is compiled and run on the chip as well.
/// </summary>
internal sealed class MutationCampaign : ICampaign
{
    /// <summary>Two steps of float32: what a sum in another order may add.</summary>
    private const float Step = 2.4e-7f;

    /// <summary>The same of float16.</summary>
    private const float HalfStep = 2e-3f;

    /// <summary>Whether silent differences fail the campaign, or are only counted.</summary>
    private const bool IsStrict = true;

    private const ulong OnChip = 16;

    private static readonly Verdict[] s_both = [Verdict.Agree, Verdict.Differ, Verdict.DifferSaid, Verdict.Open, Verdict.ChipDiffers];

    private readonly OnnxRuntimeProcess _theirs = new();
    private readonly OurSide _ours = new();
    private readonly MutationTally _tally = new();
    private readonly Dictionary<string, Source> _sources = new(StringComparer.Ordinal);
    private readonly int[] _verdicts = new int[Enum.GetValues<Verdict>().Length];
    private int _executed, _refusedByChip;

    public int Reached => _verdicts[(int)Verdict.Agree];

    public string Figures
    {
        get
        {
            int both = s_both.Sum(v => _verdicts[(int)v]), theirs = both + _verdicts[(int)Verdict.OnlyTheirs];
            return string.Create(CultureInfo.InvariantCulture,
                $"accepted {both} of {theirs} that ONNX Runtime accepts ({100.0 * both / int.Max(1, theirs):F1} %); {string.Join(", ", Enum.GetValues<Verdict>().Select(v => $"{v} {_verdicts[(int)v]}"))}; on the chip {_executed}, refused there {_refusedByChip}; ONNX Runtime crashed {_theirs.Crashes} times; sources left out {_sources.Values.Count(s => !s.IsUsable)}");
        }
    }

    public string Tables(IEnumerable<ICampaign> workers)
    {
        var all = new MutationTally();
        foreach (MutationCampaign worker in workers.OfType<MutationCampaign>())
        {
            all.Add(worker._tally);
        }
        IEnumerable<string> leftOut = workers.OfType<MutationCampaign>().SelectMany(w => w._sources).Where(s => !s.Value.IsUsable).Select(s => $"left out | {s.Key} | {s.Value.Reason}").Distinct().Order(StringComparer.Ordinal);
        return $"{all}\n{string.Join('\n', leftOut)}\n";
    }

    /// <param name="Inputs">Of the model as it is.</param>
    /// <param name="Remarks">Notes and warnings of the model as it is.</param>
    /// <param name="Reason">Why it cannot be used; empty when it can.</param>
    private sealed record Source(IReadOnlyDictionary<string, Tensor> Inputs, HashSet<string> Remarks, string Reason)
    {
        public bool IsUsable => Reason.Length == 0;
    }

    public string? Problem(ulong seed)
    {
        Mutant mutant = Mutant.Of(seed, s => Known(s).IsUsable);
        (Verdict verdict, string reason) = Judge(mutant, seed);
        _verdicts[(int)verdict]++;
        _tally.Add(mutant, seed, verdict, reason);
        return verdict == Verdict.Defect || (IsStrict && verdict is Verdict.Differ or Verdict.ChipDiffers) ? $"{verdict}, {mutant}: {reason}" : null;
    }

    public void Dispose()
    {
        _theirs.Dispose();
        _ours.Dispose();
    }

    private (Verdict, string) Judge(Mutant mutant, ulong seed)
    {
        Source source = Known(mutant.Source);
        Answer theirs = _theirs.Run(mutant.Model, source.Inputs), ours;
        IReadOnlyDictionary<string, Tensor> constants;
        try
        {
            ours = _ours.Evaluate(mutant.Model, source.Inputs, out constants);
        }
#pragma warning disable CA1031 // Exceptions of every type are what is looked for.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return (Verdict.Defect, e.ToString());
        }
        string? said = Said().FirstOrDefault(text => !source.Remarks.Contains(text));
        switch (theirs.Accepts, ours.Accepts)
        {
            case (false, _) when !theirs.IsComparable:
                return (Verdict.Incomparable, theirs.Refusal);
            case (true, false):
                return (Verdict.OnlyTheirs, ours.Refusal);
            case (false, false):
                return (Verdict.Neither, ours.Refusal);
            case (false, true):
                if (theirs.Refusal.Contains("Could not find an implementation", StringComparison.Ordinal))
                {
                    return (Verdict.Unimplemented, theirs.Refusal);
                }
                return said is not null ? (Verdict.OnlyOursSaid, $"{said} <- {theirs.Refusal}") : (Verdict.OnlyOurs, theirs.Refusal);
        }
        if (Difference(ours.Outputs!, theirs.Outputs!) is { } difference)
        {
            return said is not null ? (Verdict.DifferSaid, $"{said} <- {difference}")
                : (OpenMeanings.Of(mutant.Model) ?? Unstable(mutant, source, ours)) is { } open ? (Verdict.Open, open) : (Verdict.Differ, difference);
        }
        return seed % OnChip == 0 && Chip(mutant, source, constants, ours) is { } wrong && Unstable(mutant, source, ours) is null ? (Verdict.ChipDiffers, wrong) : (Verdict.Agree, "");
    }

    /// <summary>Why a result tells nothing: a change in the last bits of the inputs moves it as far; null when it does tell.</summary>
    private string? Unstable(Mutant mutant, Source source, Answer ours)
    {
        var nudged = source.Inputs.ToDictionary(i => i.Key, i => Nudged(i.Value), StringComparer.Ordinal);
        Answer moved = _ours.Evaluate(mutant.Model, nudged, out _);
        return moved.Accepts && Difference(moved.Outputs!, ours.Outputs!) is not null ? "the last bits of the inputs decide the result" : null;
    }

    private static Tensor Nudged(Tensor x) => x.Type switch
    {
        ElementType.F32 => Tensor.From<float>(x.Type, x.Shape, [.. x.AsSpan<float>().ToArray().Select((v, i) => v * (1 + (i % 2 == 0 ? Step : -Step)))]),
        ElementType.F16 => Tensor.From<Half>(x.Type, x.Shape, [.. x.AsSpan<Half>().ToArray().Select((v, i) => (Half)((float)v * (1 + (i % 2 == 0 ? HalfStep : -HalfStep))))]),
        _ => x,
    };

    private string? Chip(Mutant mutant, Source source, IReadOnlyDictionary<string, Tensor> constants, Answer reference)
    {
        Answer chip = _ours.Execute(mutant.Model, source.Inputs, constants);
        if (chip.Accepts)
        {
            _executed++;
            return Difference(chip.Outputs!, reference.Outputs!);
        }
        _refusedByChip++;
        return null;
    }

    /// <summary>A source as it is: only where both sides agree on it can its mutants be judged.</summary>
    private Source Known(MutationSource source)
    {
        if (!_sources.TryGetValue(source.Name, out Source? known))
        {
            IReadOnlyDictionary<string, Tensor> inputs = source.Inputs();
            Answer theirs = _theirs.Run(source.Model, inputs), ours = _ours.Evaluate(source.Model, inputs, out _);
            string reason = !theirs.Accepts ? $"ONNX Runtime: {theirs.Refusal}" : !ours.Accepts ? ours.Refusal : Difference(ours.Outputs!, theirs.Outputs!) ?? "";
            _sources[source.Name] = known = new(inputs, [.. Said()], reason.ReplaceLineEndings(" "));
        }
        return known;
    }

    /// <summary>What the importer remarks, but for the bounds of dimensions.</summary>
    private IEnumerable<string> Said() => _ours.Remarks.Where(d => d.Code is not (ImportCodes.Bounds or ImportCodes.TableBound)).Select(d => $"{d.Code} {d.Message}");

    /// <summary>Differences of results so small that their own format rounds them.</summary>
    private static double Smallest(ElementType type) => type == ElementType.F16 ? 1e-7 : 1e-37;

    /// <summary>The first output that differs; null when none does.</summary>
    private static string? Difference(IReadOnlyDictionary<string, Tensor> actual, IReadOnlyDictionary<string, Tensor> golden)
    {
        foreach ((string name, Tensor expected) in golden)
        {
            OutputComparison result = actual.TryGetValue(name, out Tensor? tensor)
                ? OutputComparison.Compare(name, tensor, expected, Tolerance.Of(ElementType.F32)) : OutputComparison.Incomparable(name, "is missing");
            if (!result.Passed && !(result.Problem is null && expected.Type.IsFloat() && result.Errors.MaxAbsolute <= Smallest(expected.Type)))
            {
                return FormattableString.Invariant($"output {name}: {result.Problem ?? $"largest error {result.Errors.MaxAbsolute:G3} of {result.Errors.MaxGolden:G3}"}");
            }
        }
        return null;
    }
}
