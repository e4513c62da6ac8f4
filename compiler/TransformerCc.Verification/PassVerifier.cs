using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>
/// Checks that no pass changes what a graph computes: evaluates the imported graph on seeded inputs, and after every pass
/// compares. Finds the pass at fault, not only that something is wrong.
/// </summary>
public sealed class PassVerifier(ulong seed)
{
    /// <summary>Passes may reorder sums and replace spellings of a function; both stay within float accuracy.</summary>
    private static readonly Tolerance s_rule = Tolerance.Of(ElementType.F32);

    private IReadOnlyDictionary<string, long> _sizes = new Dictionary<string, long>();
    private IReadOnlyDictionary<string, Tensor> _inputs = new Dictionary<string, Tensor>();
    private IReadOnlyDictionary<string, Tensor>? _expected;

    /// <summary>The first call is the imported graph.</summary>
    /// <exception cref="DiagnosticException">TCC6008: the pass changed an output.</exception>
    public void AfterPass(string pass, Graph graph)
    {
        if (_expected is null)
        {
            IReadOnlyList<IReadOnlyDictionary<string, long>> sizes = RandomInputs.Sizes(graph);
            _sizes = sizes[sizes.Count / 2];
            _inputs = RandomInputs.Create(graph, _sizes, seed);
            _expected = GraphEvaluator.Evaluate(graph, _inputs, _sizes);
            return;
        }
        IReadOnlyDictionary<string, Tensor> actual = GraphEvaluator.Evaluate(graph, _inputs, _sizes);
        Diagnostic[] changed = [.. _expected.Select(e => OutputComparison.Compare(e.Key, actual[e.Key], e.Value, s_rule)).Where(c => !c.Passed).Select(c =>
            Diagnostic.Error("TCC6008", FormattableString.Invariant($"the pass changed the output \"{c.Name}\": {c.Problem ?? $"largest error {c.Errors.MaxAbsolute:G3} of {c.Errors.MaxGolden:G3}"}"), $"pass {pass}"))];
        if (changed.Length > 0)
        {
            throw new DiagnosticException(changed, FailureKind.Failed);
        }
    }
}
