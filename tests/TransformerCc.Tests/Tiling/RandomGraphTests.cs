using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// Well-formed graphs of any operators, types and shapes: through passes, compiler and emulator they agree with the
/// reference, or they are refused with diagnostics (sizes without bounds, indices outside their table).
/// </summary>
public sealed class RandomGraphTests
{
    private const int Graphs = 80;

    [Fact]
    public void Any_graph_is_compiled_rightly_or_refused()
    {
        int refused = 0;
        for (int seed = 0; seed < Graphs; seed++)
        {
            Graph graph = RandomGraphs.Make(seed);
            var sizes = graph.Dimensions.ToDictionary(d => d.Key, d => long.Clamp(3, d.Value.Lower, d.Value.Upper));
            try
            {
                GraphPipeline.Run(graph, new PassContext());
                CompiledAgreement.Check(graph, TestChips.Tiny, Precision.F32, [sizes], seed: 1);
            }
            catch (DiagnosticException e) when (e.Kind != FailureKind.Failed)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"graph {seed}: {e}");
            }
        }
        Assert.InRange(refused, 0, Graphs / 4);
    }
}
