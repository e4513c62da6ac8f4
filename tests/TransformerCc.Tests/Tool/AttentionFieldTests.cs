namespace TransformerCc.Tests.Tool;

/// <summary>Attention models from public reports, through the verify verb: quantised caches, norms of heads, windows, lengths that are inputs.</summary>
public sealed class AttentionFieldTests
{
    [DataTheory("field/22-gqa-int8-cache", "field/52-gqa-total-is-input", "field/53-gqa-qk-norm", "field/54-attention25-window")]
    [InlineData("22-gqa-int8-cache", ".")]
    [InlineData("52-gqa-total-is-input", "cases")]
    [InlineData("53-gqa-qk-norm", ".")]
    [InlineData("54-attention25-window", ".")]
    public void Attention_of_the_field_verifies(string name, string cases)
    {
        string folder = TestData.Get($"field/{name}");
        ToolRun.Good("verify", Path.Combine(folder, "model.onnx"), "--cases", Path.Combine(folder, cases), "--precision", "f32");
    }
}
