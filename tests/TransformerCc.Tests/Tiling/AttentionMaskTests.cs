using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>Masks that hide whole blocks of keys or all of them: where an online softmax goes wrong if it can.</summary>
public sealed class AttentionMaskTests
{
    private const int Keys = 300;

    [Theory]
    [InlineData("boolean", 0, 300)]
    [InlineData("boolean", 290, 300)]
    [InlineData("boolean", 0, 3)]
    [InlineData("boolean", 130, 140)]
    [InlineData("boolean", 0, 0)]
    [InlineData("additive", 290, 300)]
    [InlineData("additive", 0, 3)]
    [InlineData("additive", 130, 140)]
    [InlineData("additive", 0, 0)]
    [InlineData("finite", 290, 300)]
    [InlineData("finite", 0, 0)]
    public void Only_some_keys_are_visible(string kind, int first, int end)
    {
        bool boolean = kind == "boolean";
        Graph graph = GraphTexts.Parse($$"""
            input %q : f32[1, 2, 5, 8]
            input %k : f32[1, 2, {{Keys}}, 8]
            input %v : f32[1, 2, {{Keys}}, 8]
            input %mask : {{(boolean ? "bool" : "f32")}}[1, 1, 1, {{Keys}}]
            %a : f32[1, 5, 2, 8] = attention(%q, %k, %v, %mask) {query = bhsd, key = bhsd, value = bhsd, result = bshd, scale = 0.5, mask = {{(boolean ? "boolean" : "additive")}}}
            output "a" = %a
            """);
        float hidden = kind == "finite" ? float.MinValue : float.NegativeInfinity;
        bool Visible(int key) => key >= first && key < end;
        Tensor mask = boolean
            ? Tensor.From<byte>(ElementType.Bool, [1, 1, 1, Keys], [.. Enumerable.Range(0, Keys).Select(key => (byte)(Visible(key) ? 1 : 0))])
            : Tensor.From<float>(ElementType.F32, [1, 1, 1, Keys], [.. Enumerable.Range(0, Keys).Select(key => Visible(key) ? 0f : hidden)]);
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            CompiledAgreement.Check(graph, TestChips.Tiny, precision, [new Dictionary<string, long>()], seed: 2, new Dictionary<string, Tensor> { ["mask"] = mask });
        }
    }
}
