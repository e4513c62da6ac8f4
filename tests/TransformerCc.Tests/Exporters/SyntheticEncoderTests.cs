using TransformerCc.Compiler.Exporters.Onnx;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Tests.Tool;
using TransformerCc.Tests.Verification;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Exporters;

/// <summary>Encoders of our own making: ONNX Runtime takes them, and every composite in them is recognised.</summary>
public sealed class SyntheticEncoderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string At(string name) => Path.Combine(_folder.FullName, name);

    public static TheoryData<EncoderShape> Shapes => [new VisionShape(), new SpeechShape { Layers = 1, Heads = 2 }];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Runtime_reference_and_chip_agree(EncoderShape shape)
    {
        SyntheticEncoder.Create(shape).WriteFile(At("encoder.onnx"));
        Assert.Single(Directory.GetFiles(_folder.FullName));
        SecondOracle.Agree(At("encoder.onnx"), [new Dictionary<string, long> { ["batch_size"] = 1 }, new Dictionary<string, long> { ["batch_size"] = 3 }]);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Shape_only_compiles_to_the_same_graph(EncoderShape shape)
    {
        SyntheticEncoder.Create(shape).WriteFile(At("full.onnx"));
        SyntheticEncoder.Create(shape, shapeOnly: true).WriteFile(At("hollow.onnx"));
        string[] full = Parts(At("full.onnx")), hollow = Parts(At("hollow.onnx"));
        Assert.Equal(full, hollow);
        Assert.Equal(shape.Layers, full.Count(p => p.StartsWith("attention ", StringComparison.Ordinal)));
        Assert.DoesNotContain(full, p => p.StartsWith("unary ", StringComparison.Ordinal) && p.EndsWith("]Erf", StringComparison.Ordinal));
        Assert.Contains(full, p => p.StartsWith("norm ", StringComparison.Ordinal));

        static string[] Parts(string path)
        {
            Graph graph = OnnxImporter.Import(path, new ImportOptions(), []);
            return [.. GraphPipeline.Run(graph, new PassContext()).Nodes.Select(n => $"{n.Op.Name} {n.Output.Type}{(n.Op is Unary u ? u.Function : "")}")];
        }
    }

    /// <summary>Parameters of the published models: ViT-B/16 with its classifier, the encoder of whisper-base.</summary>
    [Theory]
    [InlineData("vit-b16", 86_567_656)]
    [InlineData("whisper-base", 20_590_592)]
    public void Presets_have_the_published_shape(string preset, long parameters)
    {
        ToolRun.Good("synth", preset, "-o", At("model.onnx"), "--shape-only");
        Assert.Equal(parameters, ToolRun.Good("inspect", At("model.onnx"), "--json").Json().GetProperty("parameters").GetInt64());
        Assert.Equal(4 * parameters, new FileInfo(At("model.onnx.data")).Length, 0.02 * parameters);
    }

    [Fact]
    public void What_an_encoder_does_not_have_is_refused()
    {
        Assert.Equal(2, ToolRun.Of("synth", "vit-b16", "-o", At("model.gguf")).ExitCode);
        Assert.Contains("TCC7013", ToolRun.Of("synth", "vit-b16", "-o", At("model.onnx"), "--experts", "4").Error, StringComparison.Ordinal);
        Assert.Contains("multiple of the heads", ToolRun.Of("synth", "whisper-base", "-o", At("model.onnx"), "--heads", "7").Error, StringComparison.Ordinal);
        foreach (string size in (string[])["--width", "--layers", "--ffn"])
        {
            Assert.Contains("TCC1210", ToolRun.Of("synth", "vit-b16", "-o", At("model.onnx"), "--shape-only", size, "4611686018427387904").Error, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.GetFiles(_folder.FullName));
    }
}
