using System.Text.Json;
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>What <c>tcc inspect</c> says of models: the whole text, so that a change of any number shows.</summary>
public sealed class InspectTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(OnnxBuilder model)
    {
        string path = Path.Combine(_folder.FullName, "model.onnx");
        File.WriteAllBytes(path, model.Bytes());
        return path;
    }

    private static string Text(string model, params string[] options) =>
        ToolRun.Good(["inspect", model, .. options]).Output.Replace(Path.GetDirectoryName(model) + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);

    /// <summary>Masked cross attention, a gated unit, an operator that is refused, and another behind a shape that does not fit.</summary>
    private static OnnxBuilder Obstructed() => new OnnxBuilder(23).Input("x", 1, "batch", "seq", 8).Input("memory", 1, "batch", "length", 8).Input("mask", 9, "batch", 1, 1, "length")
        .Floats("w", [8, 8], new float[64]).Floats("up", [8, 12], new float[96]).Floats("down", [12, 8], new float[96])
        .Node("MatMul", "x w", "q").Node("MatMul", "memory w", "k").Node("MatMul", "memory w", "v")
        .Node("Attention", "q k v mask", "a", OnnxBuilder.Int("q_num_heads", 2), OnnxBuilder.Int("kv_num_heads", 2))
        .Node("MatMul", "a up", "u").Node("Relu", "u", "r").Node("MatMul", "r down", "d")
        .Node("LSTM", "d", "l").Node("MatMul", "d up", "wide").Node("Add", "wide d", "y").Output("l").Output("y");

    [Fact]
    public void Adder() => Snapshot.Match(Text(TestData.AdderModel));

    [Fact]
    public void Adder_as_json()
    {
        JsonElement document = ToolRun.Good("inspect", TestData.AdderModel, "--json", "--bind", "length=..10").Json();
        string[] members = ["arithmetic", "structure", "fused", "unsupported", "parameters"];
        Snapshot.Match(string.Join('\n', members.Select(m => $"{m}: {document.GetProperty(m)}")));
    }

    [Fact]
    public void Model_with_obstacles_is_described_up_to_them() => Snapshot.Match(Text(Write(Obstructed())));

    [Fact]
    public void Sizes_beyond_every_machine_are_said() =>
        Assert.Contains("TCC1002", Text(Write(new OnnxBuilder().Input("x", 1, 1L << 41, 4).Node("Relu", "x", "y").Output("y"))), StringComparison.Ordinal);

    [Fact]
    public void Options_that_name_nothing_are_refused() => Assert.Equal(3, ToolRun.Of("inspect", TestData.AdderModel, "--bind", "nothing=3").ExitCode);

    [DataTheory("models")]
    [InlineData("llama2c")]
    [InlineData("whisper-decoder")]
    [InlineData("gpt2-tiny-past")]
    [InlineData("clip-vision")]
    public void Structure(string model) => Snapshot.Match(ToolRun.Good("inspect", TestData.Model(model), "--json").Json().GetProperty("structure").ToString(), model);
}
