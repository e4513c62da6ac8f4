using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;

namespace TransformerCc.Tests.Gguf;

/// <summary>GGUF files that hold no model are called what they are; what makes other faults inevitable is told alone.</summary>
public sealed class GgufKindTests : IDisposable
{
    private readonly GgufVariant _variant = new();

    public void Dispose() => _variant.Dispose();

    private static GgufWriter Tensor(GgufWriter writer, string name) => writer.AddTensor(name, [2], [1, 2]);

    private static GgufWriter New(string? architecture = "llama", string? type = null)
    {
        var writer = new GgufWriter();
        writer = architecture is null ? writer : writer.Add("general.architecture", architecture);
        return type is null ? writer : writer.Add("general.type", type);
    }

    public static TheoryData<string, string> Kinds { get; } = new()
    {
        { "adapter by type", "an adapter (LoRA)" },
        { "adapter by key", "an adapter (LoRA)" },
        { "adapter by tensors", "an adapter (LoRA)" },
        { "projector by type", "a projector (mmproj)" },
        { "projector by architecture", "a projector (mmproj)" },
        { "projector by key", "a projector (mmproj)" },
        { "imatrix by type", "an importance matrix (imatrix)" },
        { "imatrix by tensors", "an importance matrix (imatrix)" },
        { "control vector", "a control vector" },
        { "control vector by tensors", "a control vector" },
        { "vocabulary", "a vocabulary" },
        { "vocabulary of an unknown architecture", "a vocabulary" },
        { "nothing", "a GGUF file without tensors" },
        { "other type", "general.type says 'poem'" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_without_a_model_is_called_what_it_is(string kind, string name)
    {
        GgufWriter writer = kind switch
        {
            "adapter by type" => Tensor(New(type: "adapter"), "blk.0.attn_q.weight.lora_a"),
            "adapter by key" => Tensor(New().Add("adapter.type", "lora"), "x"),
            "adapter by tensors" => Tensor(Tensor(New(), "blk.0.attn_q.weight.lora_a"), "blk.0.attn_q.weight.lora_b"),
            "projector by type" => Tensor(New("qwen2", "mmproj"), "v.patch_embd.weight"),
            "projector by architecture" => Tensor(New("clip"), "v.patch_embd.weight"),
            "projector by key" => Tensor(New(null).Add("clip.has_vision_encoder", true), "v.patch_embd.weight"),
            "imatrix by type" => Tensor(New(null, "imatrix"), "blk.0.attn_q.weight.in_sum2"),
            "imatrix by tensors" => Tensor(Tensor(New(null), "blk.0.attn_q.weight.in_sum2"), "blk.0.attn_q.weight.counts"),
            "control vector" => Tensor(New("controlvector").Add("controlvector.model_hint", "llama"), "direction.1"),
            "control vector by tensors" => Tensor(New(null), "direction.1"),
            "vocabulary" => New().Add("tokenizer.ggml.model", "llama").Add("tokenizer.ggml.tokens", ["a"]),
            "vocabulary of an unknown architecture" => New("rwkv6").Add("tokenizer.ggml.tokens", ["a"]),
            "nothing" => New(),
            _ => Tensor(New(type: "poem"), "x"),
        };
        Diagnostic error = Assert.Single(GgufVariant.Import(_variant.Open(writer)).Diagnostics);
        Assert.Equal(GgufCodes.NoModel, error.Code);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Help!);
    }

    [Theory]
    [InlineData(1, "layer 1 not expected (llama.block_count is 1)")]
    [InlineData(5, "layers 2 to 4 without tensors (llama.block_count is 5)")]
    public void A_wrong_number_of_layers_is_told_once(int layers, string told)
    {
        Diagnostic error = Assert.Single(GgufVariant.Import(_variant.Create(KeySamples.Shape("llama"), ("llama.block_count", layers))).Diagnostics);
        Assert.EndsWith(": " + told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_fault_of_every_layer_is_told_once()
    {
        Diagnostic error = Assert.Single(GgufVariant.Import(_variant.Create(KeySamples.Shape("llama"), ("llama.feed_forward_length", 48))).Diagnostics);
        Assert.Contains("blk.*.ffn_up.weight of layers 0, 1 is [96, 64], needed is [48, 64]", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("blk.0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_embeddings_nothing_else_is_missed()
    {
        GgufFile file = _variant.Create(KeySamples.Shape("llama"));
        Dictionary<string, GgufTensor> tensors = file.Tensors.ToDictionary();
        tensors.Remove("token_embd.weight");
        Diagnostic error = Assert.Single(GgufVariant.Import(file with { Tensors = tensors }).Diagnostics);
        Assert.EndsWith(": token_embd.weight [0, 64] is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Embeddings_of_another_width_are_told_alone()
    {
        Diagnostic error = Assert.Single(GgufVariant.Import(_variant.Create(KeySamples.Shape("llama"), ("llama.embedding_length", 128))).Diagnostics);
        Assert.EndsWith(": token_embd.weight is [512, 64], needed is [512, 128]", error.Message, StringComparison.Ordinal);
    }
}
