using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's weights of 2, 4 or 8 bits in blocks (ContribOperators.md, 1.30): w = (code − zero point) · scale, one scale
/// and zero point for each block of consecutive columns of a row. They stay quantised.
/// </summary>
internal static class BlockQuantizedOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("MatMulNBits", From(1, "A", "B", "scales", "zero_points?", "g_idx?", "bias?").RefuseInput("g_idx", "columns in another order", "quantise the model again without act_order")
            .Int("K", "N", "bits", "block_size").Unused(AttributeKind.Int, "accuracy_level", "products are computed in the compile precision")
            .Only("weight_prepacked", 0, "the weights are laid out for one kernel of ONNX Runtime", "take the model as it was before ONNX Runtime prepared it").Required("K", "N", "block_size"), MatMul) { Domain = ContribOperators.Microsoft },
        new("GatherBlockQuantized", From(1, "data", "indices", "scales", "zero_points?").Int("bits", "block_size", "gather_axis", "quantize_axis"), Gather) { Domain = ContribOperators.Microsoft },
    ];

    /// <summary>A·Wᵀ (+ bias), W [N, K] as blocks [N, ⌈K / block⌉, block·bits / 8].</summary>
    private static void MatMul(NodeContext n)
    {
        long columns = n.Int("K", 0), rows = n.Int("N", 0), size = BlockSize(n);
        int bits = Bits(n);
        var blocks = new NBitsBlocks(Constant(n, 1)!, Constant(n, 2)!, Constant(n, 3), bits, rows, columns, size);
        if (blocks.Codes.Type != ElementType.U8 || !blocks.Fits || (Int128)blocks.Codes.Count != (Int128)rows * ((columns + size - 1) / size) * size * bits / 8)
        {
            throw ImportException.Invalid($"the weights do not hold {rows} rows of {columns} columns in blocks of {size} at {bits} bits");
        }
        Value x = n.Value(0), weights = Dequantized(n, blocks);
        Value product = ContractionOperators.Multiply(n, n.Cast(x, ElementType.F32), n.Transpose(weights, 1, 0));
        n.Return(ContribOperators.Sum(n, n.Cast(product, x.Type.Element), 5));
    }

    /// <summary>Rows of a table of blocks along its last dimension.</summary>
    private static void Gather(NodeContext n)
    {
        Tensor codes = Constant(n, 0)!, scales = Constant(n, 2)!;
        long size = BlockSize(n);
        int rank = codes.Rank, bits = codes.Type == ElementType.U8 ? Bits(n) : 4;
        if (codes.Type is not (ElementType.U8 or ElementType.I4 or ElementType.U4))
        {
            throw ImportException.Invalid($"codes of type {codes.Type.Name()} are not supported");
        }
        if (rank < 2 || AxisRules.Normalize(n.Int("gather_axis", 0), rank) != 0 || AxisRules.Normalize(n.Int("quantize_axis", 1), rank) != rank - 1)
        {
            throw ImportException.Invalid("rows are gathered along the first dimension of a table with blocks along its last; this one differs");
        }
        long columns = codes.Shape[^1] * (codes.Type == ElementType.U8 ? 8 / bits : 1), rows = Strided.Count(codes.Shape[..^1]);
        var blocks = new NBitsBlocks(codes, scales, Constant(n, 3), bits, rows, columns, size);
        if (!blocks.Fits)
        {
            throw ImportException.Invalid($"scales and zero points do not fit {rows} rows of {columns} columns in blocks of {size}");
        }
        Value table = n.Reshape(Dequantized(n, blocks), [.. codes.Shape[..^1].ToArray().Select(Isa.Symbolic.DimExpr.Constant), columns]);
        n.Return(n.Cast(n.Emit(new GraphIR.Operators.Gather(0), table, n.Value(1)), scales.Type));
    }

    /// <summary>[rows, columns]: passes see that what reads it can decode the blocks itself.</summary>
    public static Value Dequantized(NodeContext n, NBitsBlocks blocks) => n.Emit(new DequantizeBlocks(blocks.Format, blocks.Columns), n.Constant(blocks.Lay()));

    private static long BlockSize(NodeContext n) => n.Int("block_size", 128) is >= 16 and <= 1 << 20 and { } size && long.IsPow2(size) ? size
        : throw ImportException.Invalid($"block_size {n.Int("block_size", 128)} is not a power of two from 16 on");

    private static int Bits(NodeContext n) => n.Int("bits", 4) is 2 or 4 or 8 ? (int)n.Int("bits", 4) : throw ImportException.Invalid($"{n.Int("bits", 4)} bits are not supported, 2, 4 and 8 are");

    /// <summary>A constant input, null when it is left out.</summary>
    private static Tensor? Constant(NodeContext n, int input) => n.Optional(input) is null && input > 2 ? null
        : n.Value(input).ConstantData ?? throw ImportException.Invalid($"input {input} must be a constant: quantised weights are laid out at compile time");
}
