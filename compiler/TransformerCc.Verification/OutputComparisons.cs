using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Verification;

/// <summary>All outputs of a run beside all goldens. What stands on one side only fails.</summary>
public static class OutputComparisons
{
    /// <param name="indices">Outputs that are judged by the scores they come from.</param>
    /// <returns>In order of the names.</returns>
    public static IReadOnlyList<OutputComparison> Of(
        IReadOnlyList<IndexOutput> indices, IReadOnlyDictionary<string, Tensor> actual, IReadOnlyDictionary<string, Tensor> goldens, Tolerance rule)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(goldens);
        return [.. actual.Keys.Union(goldens.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(One)];

        OutputComparison One(string name)
        {
            if (!actual.TryGetValue(name, out Tensor? output))
            {
                return OutputComparison.Incomparable(name, "is no output, and has a golden");
            }
            IndexOutput? index = indices.FirstOrDefault(i => i.Name == name);
            Tensor? goldenScores = Scores(goldens), actualScores = Scores(actual);
            if (goldens.TryGetValue(name, out Tensor? golden))
            {
                return index is null ? OutputComparison.Compare(name, output, golden, rule) : IndexComparison.Compare(index, output, golden, goldenScores, actualScores, rule);
            }
            return index is not null && goldenScores is not null && Greedy(index, goldenScores) is { } greedy
                ? WithRemark(IndexComparison.Compare(index, output, greedy, goldenScores, actualScores, rule), $"has no golden of its own: that of \"{index.Scores}\" says which index is right")
                : OutputComparison.Incomparable(name, "has no golden");

            Tensor? Scores(IReadOnlyDictionary<string, Tensor> tensors) => index is null ? null : tensors.GetValueOrDefault(index.Scores);
        }
    }

    /// <summary>
    /// The golden of a language model's next token, which is an output that compiling adds: whoever brings the logits of another
    /// tool has none. Null for any other output: its golden was forgotten.
    /// </summary>
    private static Tensor? Greedy(IndexOutput index, Tensor goldenScores) =>
        index is { Name: ProgramModel.NextToken, Scores: ProgramModel.Logits, Op: Reduce reduce } && reduce.Axes[0] < goldenScores.Rank && goldenScores.Shape[(int)reduce.Axes[0]] > 0
            ? reduce.Evaluate([goldenScores], new Dictionary<string, long>())[0] : null;

    private static OutputComparison WithRemark(OutputComparison comparison, string remark) => comparison with { Remarks = [remark, .. comparison.Remarks] };
}
