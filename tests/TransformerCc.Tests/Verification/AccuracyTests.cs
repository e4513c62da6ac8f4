using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Tests.Tiling;
using TransformerCc.Verification.Accuracy;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Tests.Verification;

/// <summary>Which node loses accuracy, why, and what f32 would buy there.</summary>
public sealed class AccuracyTests
{
    private static readonly CompileOptions s_options = new() { Chip = TestChips.Default, Precision = Precision.BF16 };

    private static readonly Dictionary<string, long> s_size = new() { ["n"] = 9 };

    [Fact]
    public void A_node_that_only_inherits_adds_nothing()
    {
        NodeAccuracyReport report = NodeAccuracyAnalysis.Run(Run("""
            dim n in 1..64
            input %x : f32[n, 48]
            const %w : f32[48, 80] = #w
            %h : f32[n, 80] = linear(%x, %w) from "/up"
            %z : f32[n, 80] = unary(%h) {function = relu} from "/relu"
            output "z" = %z
            """));
        NodeAccuracy linear = report.Nodes[0], relu = report.Nodes[1];
        Assert.Equal(("h", ErrorCause.Operands), (linear.Value, linear.Cause));
        Assert.Equal(["/up"], linear.Sources);
        Assert.InRange(linear.Added.SignalToNoise, 40, 70);
        Assert.Equal(linear.Total, linear.Added);
        Assert.Equal(("z", ErrorCause.None), (relu.Value, relu.Cause));
        Assert.Equal(double.PositiveInfinity, relu.Added.SignalToNoise);
        Assert.InRange(relu.Total.SignalToNoise, 40, 70);
        Assert.Null(report.FirstBelow);
    }

    [Fact]
    public void Rounding_inside_a_node_is_told_from_that_of_its_operands()
    {
        NodeAccuracyReport report = NodeAccuracyAnalysis.Run(Run("""
            dim n in 1..64
            input %x : f32[n, 48]
            const %s : f32[48] = #s
            %y : f32[n, 48] = norm(%x, %s) {kind = rms, epsilon = 1E-05}
            output "y" = %y
            """));
        NodeAccuracy norm = Assert.Single(report.Nodes);
        Assert.Equal(ErrorCause.Accumulation, norm.Cause);
        Assert.True(norm.Added.SignalToNoise > 120);
    }

    [Fact]
    public void Values_that_a_format_cannot_hold_are_counted_and_the_first_node_is_named()
    {
        var graph = new Graph("saturation");
        graph.Dimensions["n"] = new(1, 64);
        Value x = graph.AddInput("x", new TensorType(ElementType.F32, [DimExpr.Symbol("n"), 16]));
        float[] weights = [.. Enumerable.Range(0, 256).Select(i => i % 17 == 0 ? 1f : 0f)];
        // The largest number of bf16 is 3.3895e38.
        weights[3 * 16] = 3.4e38f;
        Node first = graph.Add(new Linear(null, false, false), [x, graph.Constant(Tensor.From<float>(ElementType.F32, [16, 16], weights))], ["/first"], "first");
        Node second = graph.Add(new Unary(UnaryOp.Abs), [first.Output], ["/second"], "second");
        graph.Outputs.Add(new GraphOutput("y", second.Output));
        NodeAccuracyReport report = NodeAccuracyAnalysis.Run(AccuracyRun.Of(graph, s_options, s_size, seed: 1), least: 60);
        Assert.Equal(("first", ErrorCause.Saturation), (report.Nodes[0].Value, report.Nodes[0].Cause));
        Assert.True(report.Nodes[0].Saturated >= 1);
        Assert.Equal("first", report.FirstBelow!.Value);
        Assert.False(report.Outputs[0].Passed);
    }

    [Theory]
    [InlineData("block")]
    [InlineData("gated_ffn")]
    [InlineData("causal")]
    [InlineData("conv1d")]
    public void A_graph_that_is_cut_gives_the_bits_of_the_whole(string name)
    {
        SmallGraph small = SmallGraphs.Named(name);
        AccuracyRun run = AccuracyRun.Of(small.Parse(), s_options, small.EachSize().First(), seed: 1);
        foreach (NodeGroup group in NodeGroups.Of(run.Graph, NodeGrouping.Node))
        {
            AssertSame(run.ChipOutputs, MixedPrecision.Outputs(run, group.Nodes.ToHashSet(), wide: new HashSet<Node>()));
        }
        IReadOnlyDictionary<string, Tensor> f32 = TileEvaluator.Evaluate(Tiler.Lower(run.Graph, s_options.Chip, Precision.F32), run.Inputs, run.Dimensions);
        AssertSame(f32, MixedPrecision.Outputs(run, run.Graph.Nodes.ToHashSet()));
    }

    [Fact]
    public void Bisecting_finds_the_node_whose_format_matters()
    {
        // The result of the first product is nearly cancelled by the other operand of the subtraction; the second product sees only what is left.
        BisectReport report = PrecisionBisect.Run(Run("""
            dim n in 1..64
            input %x : f32[n, 48]
            const %w : f32[48, 48] = #w
            const %v : f32[48, 48] = #v
            %h : f32[n, 48] = linear(%x, %w) from "/model/layers.0/a"
            %i : f32[n, 48] = linear(%x, %v) from "/model/layers.1/b"
            %j : f32[n, 48] = binary(%h, %h) {function = sub}
            %k : f32[n, 48] = binary(%j, %i) {function = add} from "/model/layers.1/add"
            output "k" = %k
            """), NodeGrouping.Auto);
        Assert.Equal(["layers.1", "layers.0"], report.Groups.Select(g => g.Group));
        Assert.True(report.Groups[0].Gain > 40);
        Assert.Equal(0, report.Groups[1].Gain);
        Assert.Equal(report.All.SignalToNoise, report.Groups[0].SignalToNoise);
        Assert.Equal(0, report.Base.Gain);
    }

    [Fact]
    public void Nothing_is_raised_that_is_f32_already()
    {
        AccuracyRun run = AccuracyRun.Of(SmallGraphs.Named("linear").Parse(), s_options with { Precision = Precision.F32 }, s_size, seed: 1);
        DiagnosticException refused = Assert.Throws<DiagnosticException>(() => PrecisionBisect.Run(run, NodeGrouping.Auto));
        Assert.Equal(("TCC6037", FailureKind.Usage), (refused.Diagnostics[0].Code, refused.Kind));
    }

    [Fact]
    public void Layers_are_known_by_names_and_take_in_what_stands_between_their_nodes()
    {
        Graph graph = GraphTexts.Parse("""
            input %x : f32[4, 16]
            const %e : f32[16, 16] = #e
            const %bert.encoder.layer.0.q : f32[16, 16] = #q
            const %bert.encoder.layer.0.k : f32[16, 16] = #k
            const %h : f32[16, 16] = #h
            %a : f32[4, 16] = linear(%x, %e) from "/embed"
            %b : f32[4, 16] = linear(%a, %bert.encoder.layer.0.q) from "MatMul_1"
            %c : f32[4, 16] = matmul(%b, %e) from "MatMul_2"
            %d : f32[4, 16] = linear(%c, %bert.encoder.layer.0.k) from "MatMul_3"
            %f : f32[4, 16] = linear(%d, %h) from "/head"
            output "f" = %f
            """);
        Assert.Equal(["a: a", "layer.0: b c d", "f: f"], NodeGroups.Of(graph, NodeGrouping.Auto).Select(g => $"{g.Name}: {string.Join(' ', g.Nodes.Select(n => n.Output.Name))}"));
        Assert.Equal(["linear", "matmul"], NodeGroups.Of(graph, NodeGrouping.Operator).Select(g => g.Name));
        Assert.Equal(5, NodeGroups.Of(graph, NodeGrouping.Node).Count);
    }

    private static AccuracyRun Run(string text) => AccuracyRun.Of(GraphTexts.Parse(text), s_options, s_size, seed: 1);

    private static void AssertSame(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        Assert.All(expected, e => Assert.True(e.Value.Data.Span.SequenceEqual(actual[e.Key].Data.Span), e.Key));
    }
}
