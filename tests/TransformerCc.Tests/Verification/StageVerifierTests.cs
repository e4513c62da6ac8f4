using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tests.Verification;

/// <summary>A fault of a pass, of tiling, scheduling, planning or code generation is found at that stage, and its node is named.</summary>
public sealed class StageVerifierTests
{
    private const string Text = """
        dim n in 1..64
        input %x : f32[n, 48]
        const %w : f32[48, 80] = #w
        const %b : f32[80] = #b
        const %w2 : f32[80, 48] = #w2
        const %s : f32[48] = #s
        %h : f32[n, 80] = linear(%x, %w, %b) {activation = relu, bias} from "/up"
        %y : f32[n, 48] = linear(%h, %w2, %x) {residual} from "/down"
        %z : f32[n, 48] = norm(%y, %s) {epsilon = 1e-05, kind = rms} from "/norm"
        output "z" = %z
        """;

    [Fact]
    public void A_right_compilation_passes_every_stage()
    {
        StageVerifier verifier = new StagedCompilation().Compile(GraphTexts.Parse(Text));
        Assert.Equal(["import", "tile", "schedule", "binary"], verifier.Results.Select(r => r.Name));
        Assert.All(verifier.Results, r => Assert.True(r.Passed));
        Assert.All(verifier.Results.Skip(2), r => Assert.Equal(0, r.Errors!.Value.MaxAbsolute));
    }

    [Fact]
    public void A_pass_is_named_with_node_and_element()
    {
        Diagnostic found = Fault(new() { Graph = graph => Node(graph, "h").Op = (Linear)Node(graph, "h").Op with { Activation = null } });
        Assert.Equal("TCC6008", found.Code);
        Assert.Contains("pass broken changed the output \"z\": element [", found.Message, StringComparison.Ordinal);
        Assert.Contains("%h = linear from \"/up\"", found.Location, StringComparison.Ordinal);
        Assert.Matches(@"element \[\d+, \d+\] was 0 and is -", found.Location);
    }

    [Fact]
    public void Tiling_is_named_with_node_and_tolerance()
    {
        Diagnostic found = Fault(new() { Tiled = tiles => StagedCompilation.Change(tiles, "mm", "y", "k", LessOne) });
        Assert.Equal("TCC6033", found.Code);
        Assert.Contains("stage tile of main changed the output", found.Message, StringComparison.Ordinal);
        Assert.Contains("%y = linear", found.Location, StringComparison.Ordinal);
        Assert.Contains("allowed: largest error <= 0.0001", found.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void Tiling_whose_fault_needs_two_nodes_together_is_told_so()
    {
        int lowered = 0;
        Diagnostic found = Fault(new()
        {
            Tiled = tiles =>
            {
                if (lowered++ == 0)
                {
                    StagedCompilation.Change(tiles, "mm", "y", "k", LessOne);
                }
            },
        });
        Assert.Equal("TCC6033", found.Code);
        Assert.Contains("no node alone", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void Scheduling_is_named_with_the_statement()
    {
        Diagnostic found = Fault(new() { Scheduled = tiles => StagedCompilation.Change(tiles, "vbinary", "y", "op", _ => ChoiceOperand.Of(BinaryOp.Sub)) });
        Assert.Equal("TCC6034", found.Code);
        Assert.Contains("stage schedule of main", found.Message, StringComparison.Ordinal);
        Assert.Contains("node y (", found.Location, StringComparison.Ordinal);
        Assert.Contains("vbinary writes something else", found.Location, StringComparison.Ordinal);
        Assert.Equal("allowed: the same bits", found.Help);
    }

    [Fact]
    public void A_binary_is_named_with_the_instruction()
    {
        Diagnostic found = Fault(new() { Emitted = image => StagedCompilation.With(image, i => i is VectorNorm norm ? norm with { Scale = norm.Scale with { Offset = norm.Scale.Offset + 64 } } : i) });
        Assert.Equal("TCC6035", found.Code);
        Assert.Contains("stage binary of main", found.Message, StringComparison.Ordinal);
        Assert.Contains("node z (", found.Location, StringComparison.Ordinal);
        Assert.Contains("vnorm writes something else", found.Location, StringComparison.Ordinal);
    }

    private static TileOperand LessOne(TileOperand operand) => new DimOperand(((DimOperand)operand).Value - 1);

    private static Node Node(Graph graph, string value) => graph.Nodes.Single(n => n.Output.Name == value);

    private static Diagnostic Fault(StagedCompilation compilation) => compilation.Fault(GraphTexts.Parse(Text));

    [DataTheory("models", "gguf")]
    [InlineData("models/bert-toy/model.onnx", Precision.F32)]
    [InlineData("gguf/stories260k-q4_0.gguf", Precision.BF16)]
    [InlineData("gguf/rnd256-q4_k_m.gguf", Precision.F32)]
    [InlineData("gguf/gemma-f32.gguf", Precision.F32)]
    public void Tiles_schedule_and_binary_of_a_model_agree_to_the_bit(string model, Precision precision)
    {
        var options = new CompileOptions { Chip = TestChips.Default, Precision = precision };
        var verifier = new StageVerifier(options, seed: 7);
        CompilationResult result = CompilerDriver.Compile(TestData.Get(model), verifier.Observe(options), []);
        verifier.AfterBinary(result.Image!);
        StageResult[] exact = [.. verifier.Results.Where(r => r.Name is "schedule" or "binary")];
        // Every program runs the sizes that are tried.
        Assert.Equal(2 * result.Image!.EntryPoints.Length, exact.Length);
        Assert.All(exact, r => Assert.Equal((StageTolerance.Exact, 0.0), (r.Tolerance, r.Errors!.Value.MaxAbsolute)));
    }
}
