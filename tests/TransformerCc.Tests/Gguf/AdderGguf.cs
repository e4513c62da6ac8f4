using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Gguf;

/// <summary>
/// The adder of examples/adder as GGUF: the weights of its ONNX export under the names of the llama architecture. GGUF holds
/// matrices as [rows of the result, depth], ONNX transposed; and its llama rotates neighbours, so that the rows of queries and
/// keys, made for pairs half a head apart, change places.
/// </summary>
internal static class AdderGguf
{
    private const int Layers = 3, Width = 64, Heads = 4, KeyHeads = 2, HeadWidth = 16, Hidden = 192, Positions = 32;

    private static readonly string[] s_vocabulary = [.. "0123456789+=".Select(c => c.ToString())];

    public static GgufWriter Create(string onnxModel)
    {
        Graph graph = OnnxImporter.Import(onnxModel, new ImportOptions(), []);
        GgufWriter writer = new GgufWriter()
            .Add("general.architecture", "llama").Add("general.name", "adder")
            .Add("llama.block_count", (uint)Layers).Add("llama.context_length", (uint)Positions).Add("llama.embedding_length", (uint)Width).Add("llama.feed_forward_length", (uint)Hidden)
            .Add("llama.attention.head_count", (uint)Heads).Add("llama.attention.head_count_kv", (uint)KeyHeads).Add("llama.attention.layer_norm_rms_epsilon", 1e-5f)
            .Add("llama.rope.dimension_count", (uint)HeadWidth).Add("llama.rope.freq_base", 10_000f)
            .Add("tokenizer.ggml.model", "llama").Add("tokenizer.ggml.tokens", s_vocabulary).Add<float>("tokenizer.ggml.scores", new float[s_vocabulary.Length])
            .Add<int>("tokenizer.ggml.token_type", [.. s_vocabulary.Select(_ => 1)]).Add("tokenizer.ggml.add_bos_token", false).Add("tokenizer.ggml.add_space_prefix", false);
        writer.AddTensor("token_embd.weight", [s_vocabulary.Length, Width], Constant(graph, "embed.weight"));
        for (int i = 0; i < Layers; i++)
        {
            string from = $"/blocks.{i}/", to = $"blk.{i}.";
            writer.AddTensor(to + "attn_norm.weight", [Width], Constant(graph, $"blocks.{i}.attention_norm.weight"))
                .AddTensor(to + "attn_q.weight", [Heads * HeadWidth, Width], Interleaved(Matrix(graph, from + "attention/q_proj/MatMul")))
                .AddTensor(to + "attn_k.weight", [KeyHeads * HeadWidth, Width], Interleaved(Matrix(graph, from + "attention/k_proj/MatMul")))
                .AddTensor(to + "attn_v.weight", [KeyHeads * HeadWidth, Width], Matrix(graph, from + "attention/v_proj/MatMul"))
                .AddTensor(to + "attn_output.weight", [Width, Width], Matrix(graph, from + "attention/o_proj/MatMul"))
                .AddTensor(to + "ffn_norm.weight", [Width], Constant(graph, $"blocks.{i}.ffn_norm.weight"))
                .AddTensor(to + "ffn_gate.weight", [Hidden, Width], Matrix(graph, from + "ffn/gate_proj/MatMul"))
                .AddTensor(to + "ffn_up.weight", [Hidden, Width], Matrix(graph, from + "ffn/up_proj/MatMul"))
                .AddTensor(to + "ffn_down.weight", [Width, Hidden], Matrix(graph, from + "ffn/down_proj/MatMul"));
        }
        return writer.AddTensor("output_norm.weight", [Width], Constant(graph, "norm.weight")).AddTensor("output.weight", [s_vocabulary.Length, Width], Matrix(graph, "/head/MatMul"));
    }

    private static float[] Constant(Graph graph, string name) =>
        graph.Nodes.SelectMany(n => n.Inputs).First(v => v.IsConstant && v.Name == name).ConstantData!.AsSpan<float>().ToArray();

    /// <summary>The constant factor of a product, transposed.</summary>
    private static float[] Matrix(Graph graph, string node)
    {
        Tensor w = graph.Nodes.First(n => n.Sources.Contains(node)).Inputs[1].ConstantData!;
        ReadOnlySpan<float> values = w.AsSpan<float>();
        (int depth, int columns) = ((int)w.Shape[0], (int)w.Shape[1]);
        var result = new float[values.Length];
        for (int k = 0; k < depth; k++)
        {
            for (int n = 0; n < columns; n++)
            {
                result[(n * depth) + k] = values[(k * columns) + n];
            }
        }
        return result;
    }

    /// <summary>Rows j and j + half of every head become rows 2j and 2j + 1.</summary>
    private static float[] Interleaved(float[] rows)
    {
        const int Half = HeadWidth / 2;
        var result = new float[rows.Length];
        for (int row = 0; row < rows.Length / Width; row++)
        {
            int inHead = row % HeadWidth, target = row - inHead + (inHead < Half ? 2 * inHead : (2 * (inHead - Half)) + 1);
            rows.AsSpan(row * Width, Width).CopyTo(result.AsSpan(target * Width));
        }
        return result;
    }
}
