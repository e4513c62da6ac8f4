using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's mixtures of experts (ContribOperators.md, 1.31): a router chooses k experts for each token, their
/// feed-forward networks are weighted and added.
/// </summary>
internal static class ExpertOperators
{
    private static readonly OperatorSignature s_quantized = Routed(From(1, "input", "router_probs",
            "fc1_experts_weights", "fc1_scales", "fc1_experts_bias?", "fc2_experts_weights", "fc2_scales", "fc2_experts_bias?", "fc3_experts_weights?", "fc3_scales?", "fc3_experts_bias?",
            "fc1_zero_points?", "fc2_zero_points?", "fc3_zero_points?", "router_weights?"))
        .Int("block_size", "expert_weight_bits").Only("quant_type", "int", "weights are integers", "quantise the model again to integers")
        .Unused(AttributeKind.Int, "accuracy_level", "products are computed in the compile precision").Only("weights_prepacked", 0, "the weights are laid out for one kernel of ONNX Runtime", "take the model as it was before ONNX Runtime prepared it");

    /// <summary>Each of a token's experts is a term of a sum.</summary>
    private const long MaximumChosen = 64;

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("MoE", Routed(From(1, "input", "router_probs", "fc1_experts_weights", "fc1_experts_bias?", "fc2_experts_weights", "fc2_experts_bias?", "fc3_experts_weights?", "fc3_experts_bias?")), Plain) { Domain = ContribOperators.Microsoft },
        new("QMoE", s_quantized, Quantized) { Domain = ContribOperators.Microsoft },
    ];

    /// <summary>A layer of every expert: weights [E, N, K], or blocks of them, and a bias [E, N].</summary>
    private sealed record Layer(Value Weights, BlockFormat? Blocks, Value? Bias)
    {
        public Value Apply(NodeContext n, Value x, Value ids) => Bias is null
            ? n.Emit(new ExpertLinear(false, Blocks), x, ids, Weights)
            : n.Emit(new ExpertLinear(true, Blocks), x, ids, Weights, Bias);
    }

    /// <summary>Probabilities of all experts, of which the largest are taken, and divided by their sum if the node says so.</summary>
    private static void Plain(NodeContext n)
    {
        Value router = n.Cast(n.Value(1), ElementType.F32);
        Node best = n.EmitNode(new TopK(Chosen(n), Largest: true), n.Emit(new Softmax(1), router));
        Mix(n, Normalized(n, best.Outputs[0]), best.Outputs[1], Of(2)!, Of(4)!, Of(6));

        Layer? Of(int input) => n.Optional(input) is null ? null
            : n.Value(input) is { IsConstant: true, Type.Rank: 3 } weights ? new Layer(weights, null, Bias(n, input + 1))
            : throw ImportException.Invalid($"input {input} must be a constant [experts, rows, columns]");
    }

    /// <summary>
    /// The largest logits are taken, their softmax weighs them; or, with router_weights, the entries of that at their places.
    /// </summary>
    private static void Quantized(NodeContext n)
    {
        Value router = n.Cast(n.Value(1), ElementType.F32);
        Node best = n.EmitNode(new TopK(Chosen(n), Largest: true), router);
        Value ids = best.Outputs[1];
        Value weights = n.Optional(14) is null ? n.Emit(new Softmax(1), best.Outputs[0]) : Normalized(n, Entries(n, n.Cast(n.Value(14), ElementType.F32), ids));
        Mix(n, weights, ids, Of(2, 11)!, Of(5, 12)!, Of(8, 13));

        Layer? Of(int input, int zeros) => n.Optional(input) is null ? null : Blocks(n, input, input + 1, zeros, Bias(n, input + 2));

        static Value Entries(NodeContext n, Value table, Value ids)
        {
            DimExpr experts = table.Type.Shape[1];
            Value rows = n.Emit(new Iota(ElementType.I64, [ids.Type.Shape[0], DimExpr.One], 0, DimExpr.Zero, experts.ConstantValue ?? throw ImportException.Invalid("the number of experts must be constant")));
            return n.Emit(new GraphIR.Operators.Gather(0), n.Reshape(table, [table.Type.Count]), n.Add(ids, rows));
        }
    }

    /// <summary>What both operators have in common.</summary>
    private static OperatorSignature Routed(OperatorSignature inputs) => inputs
        .Int("k", "swiglu_fusion").Float("activation_alpha", "activation_beta").AnyFloat("swiglu_limit").OneIsYes("normalize_routing_weights")
        .Choice("activation_type", "relu", "gelu", "silu", "identity", "swiglu").Only("use_sparse_mixer", 0, "the largest probabilities choose the experts");

    private static DimExpr Chosen(NodeContext n) => n.Int("k", 1) is >= 1 and <= MaximumChosen and { } k ? k : throw ImportException.Invalid($"{n.Int("k", 1)} experts for a token are not supported, 1 to {MaximumChosen} are");

    private static Value Normalized(NodeContext n, Value weights) =>
        n.Int("normalize_routing_weights", 0) == 0 ? weights : n.Divide(weights, n.Reduce(ReduceOp.Sum, weights, [1], keepDims: true));

    private static Value? Bias(NodeContext n, int input) => n.Optional(input) is null ? null : n.Value(input);

    /// <summary>Codes [E, N, K / codes of a byte]; scales [E, N], or [E, N, blocks] with block_size; zero points packed as the codes are.</summary>
    private static Layer Blocks(NodeContext n, int input, int scalesInput, int zerosInput, Value? bias)
    {
        Tensor codes = Constant(input)!, scales = Constant(scalesInput)!;
        Tensor? zeros = Constant(zerosInput);
        long bits = n.Int("expert_weight_bits", 4), block = n.Int("block_size", -1);
        if (bits is not (2 or 4 or 8) || codes.Type != ElementType.U8 || codes.Rank != 3 || scales.Rank is not (2 or 3) || codes.Shape[2] > int.MaxValue)
        {
            throw ImportException.Invalid($"weights of {bits} bits in {codes.Rank} dimensions with scales in {scales.Rank} are not supported");
        }
        (long experts, long rows, long columns) = (codes.Shape[0], codes.Shape[1], codes.Shape[2] * 8 / bits);
        bool wholeRows = scales.Rank == 2 || scales.Shape[2] == 1;
        if (!wholeRows && (block is < 16 or > 1 << 20 || !long.IsPow2(block)))
        {
            throw ImportException.Invalid($"block_size {block} is not a power of two from 16 on");
        }
        if (wholeRows && zeros is not null)
        {
            zeros = RowZeros(zeros, experts, rows, (int)bits);
        }
        long size = wholeRows ? (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)long.Max(16, columns)) : block;
        var blocks = new NBitsBlocks(codes, scales, zeros, (int)bits, experts * rows, columns, size);
        if (!blocks.Fits)
        {
            throw ImportException.Invalid($"scales and zero points do not fit {experts} experts of {rows} x {columns} weights");
        }
        Tensor laid = blocks.Lay();
        return new Layer(n.Constant(laid.Reshape([experts, rows, laid.Shape[1]])), blocks.Format, bias);

        Tensor? Constant(int index) => n.Optional(index) is null && index == zerosInput ? null
            : n.Value(index).ConstantData ?? throw ImportException.Invalid($"input {index} must be a constant: quantised weights are laid out at compile time");
    }

    /// <summary>Zero points of whole rows, which are packed along the rows of an expert, in a byte each.</summary>
    private static Tensor RowZeros(Tensor packed, long experts, long rows, int bits)
    {
        long stride = ((rows * bits) + 7) / 8;
        if (packed.Type != ElementType.U8 || packed.Count != experts * stride)
        {
            throw ImportException.Invalid($"{packed.Count} bytes of zero points for {experts} experts of {rows} rows");
        }
        var zeros = new byte[experts * rows];
        for (long i = 0; i < zeros.Length; i++)
        {
            long bit = i % rows * bits;
            zeros[i] = (byte)((packed.Bytes((i / rows * stride) + (bit / 8), 1)[0] >> (int)(bit % 8)) & ((1 << bits) - 1));
        }
        return new Tensor(ElementType.U8, [experts * rows], zeros);
    }

    /// <summary>Σ over a token's experts of weight · fc2(activation(fc1(x)) (· fc3(x))).</summary>
    private static void Mix(NodeContext n, Value weights, Value ids, Layer first, Layer second, Layer? third)
    {
        Value input = n.Value(0);
        DimExpr width = input.Type.Shape.Last, tokens = DimExpr.Product(input.Type.Shape.Take(input.Type.Rank - 1));
        Value x = n.Cast(n.Reshape(input, [tokens, width]), ElementType.F32);
        Value hidden = Activate(n, first.Apply(n, x, ids), third?.Apply(n, x, ids));
        Value results = second.Apply(n, hidden, ids);
        Value? sum = null;
        for (long slot = 0; slot < ids.Type.Shape[1].ConstantValue; slot++)
        {
            Value term = n.Multiply(n.Reshape(n.SliceAxis(results, 1, slot, DimExpr.One), [tokens, results.Type.Shape.Last]), n.SliceAxis(weights, 1, slot, DimExpr.One));
            sum = sum is null ? term : n.Add(sum, term);
        }
        n.Return(n.Cast(n.Reshape(sum!, input.Type.Shape), input.Type.Element));
    }

    private static Value Activate(NodeContext n, Value x, Value? other)
    {
        string name = n.Text("activation_type", "relu");
        if (name == "swiglu")
        {
            return Swiglu(n, x, other);
        }
        Value active = name switch
        {
            "relu" => n.Unary(UnaryOp.Relu, x),
            "gelu" => n.Unary(UnaryOp.GeluTanh, x),
            "silu" => n.Unary(UnaryOp.Silu, x),
            "identity" => x,
            _ => throw ImportException.Invalid($"the activation {name} is not supported; relu, gelu, silu, identity and swiglu are"),
        };
        return other is null ? active : n.Multiply(active, other);
    }

    /// <summary>g·sigmoid(α·g)·(v + β), g at most the limit and v within it: pairs of columns, halves, or two layers.</summary>
    private static Value Swiglu(NodeContext n, Value x, Value? other)
    {
        DimExpr half = DimExpr.FloorDiv(x.Type.Shape.Last, 2);
        (Value gate, Value value) = (n.Int("swiglu_fusion", 0), other) switch
        {
            (0, { } v) => (x, v),
            (1, null) => (Part(0, 2), Part(1, 2)),
            (2, null) => (Part(DimExpr.Zero, 1), Part(half, 1)),
            var (fusion, _) => throw ImportException.Invalid($"swiglu_fusion {fusion} {(other is null ? "without" : "with")} fc3 is not supported"),
        };
        if (n.OptionalFloat("swiglu_limit") is { } bound && float.IsFinite(bound))
        {
            Value limit = n.Scalar(ElementType.F32, bound);
            gate = n.Binary(BinaryOp.Min, gate, limit);
            value = n.Binary(BinaryOp.Max, n.Binary(BinaryOp.Min, value, limit), n.Scalar(ElementType.F32, -bound));
        }
        float beta = n.Float("activation_beta", 0);
        return n.Multiply(ActivationOperators.Swish(n, gate, n.Float("activation_alpha", 1)), beta == 0 ? value : n.Add(value, n.Scalar(ElementType.F32, beta)));

        Value Part(DimExpr start, long step) => n.Emit(new Slice([DimExpr.Zero, DimExpr.Zero, start], [x.Type.Shape[0], x.Type.Shape[1], half], [1, 1, step]), x);
    }
}
