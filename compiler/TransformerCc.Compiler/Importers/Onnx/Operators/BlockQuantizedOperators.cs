using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's weights of 2, 4 or 8 bits in blocks (ContribOperators.md, 1.30): w = (code − zero point) · scale, one scale
/// and zero point for each block of consecutive columns of a row. The importer multiplies them out once, and says so.
/// </summary>
internal static class BlockQuantizedOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("MatMulNBits", MatMul) { Domain = ContribOperators.Microsoft },
        new("GatherBlockQuantized", Gather) { Domain = ContribOperators.Microsoft },
    ];

    /// <summary>Codes, scales and zero points of a matrix [rows, columns].</summary>
    private sealed record Blocks(Tensor Codes, double[] Scales, Tensor? ZeroPoints, int Bits, long Rows, long Columns, long BlockSize)
    {
        public long BlocksPerRow => (Columns + BlockSize - 1) / BlockSize;

        /// <summary>The zero point where none is given.</summary>
        public double DefaultZero { get; init; } = 1 << (Bits - 1);

        /// <summary>The values in f32, rows first or columns first.</summary>
        public Tensor Expand(bool transposed)
        {
            if ((Int128)Rows * Columns * sizeof(float) > Array.MaxLength)
            {
                throw ImportException.Invalid($"{Rows} x {Columns} weights are more than fit one tensor in f32");
            }
            var result = new float[Rows * Columns];
            double[]? floatZeros = ZeroPoints is { } z && z.Type.IsFloat() ? TensorMath.Doubles(z) : null;
            ReadOnlySpan<byte> codes = Codes.Data.Span, packedZeros = floatZeros is null && ZeroPoints is { } zeros ? zeros.Data.Span : default;
            long zeroStride = packedZeros.Length / Rows * StoredPerByte(ZeroPoints?.Type ?? ElementType.U8), codeStride = codes.Length / Rows * StoredPerByte(Codes.Type);
            for (long row = 0; row < Rows; row++)
            {
                for (long column = 0; column < Columns; column++)
                {
                    long block = column / BlockSize, at = (row * BlocksPerRow) + block;
                    double zero = floatZeros?[at] ?? (packedZeros.Length > 0 ? Code(packedZeros, (row * zeroStride) + block, ZeroPoints!.Type) : DefaultZero);
                    float value = (float)(Code(codes, (row * codeStride) + column, Codes.Type) - zero) * (float)Scales[at];
                    result[transposed ? (column * Rows) + row : (row * Columns) + column] = value;
                }
            }
            return Tensor.From<float>(ElementType.F32, transposed ? [Columns, Rows] : [Rows, Columns], result);
        }

        private long StoredPerByte(ElementType type) => type == ElementType.U8 ? 8 / Bits : 1;

        /// <summary>Bytes hold several codes, low bits first; elements narrower than a byte stand in one each.</summary>
        private int Code(ReadOnlySpan<byte> packed, long index, ElementType type) => type switch
        {
            ElementType.U8 => (packed[(int)(index * Bits / 8)] >> (int)(index * Bits % 8)) & ((1 << Bits) - 1),
            ElementType.I4 => (sbyte)(packed[(int)index] << 4) >> 4,
            ElementType.U4 => packed[(int)index] & 15,
            _ => throw ImportException.Invalid($"codes of type {type.Name()} are not supported"),
        };
    }

    /// <summary>A·Wᵀ (+ bias), W [N, K] as blocks [N, ⌈K / block⌉, block·bits / 8].</summary>
    private static void MatMul(NodeContext n)
    {
        if (n.Optional(4) is not null)
        {
            throw ImportException.Invalid("columns in another order (g_idx) are not supported", "quantise again without act_order");
        }
        long columns = n.Int("K", 0), rows = n.Int("N", 0), size = BlockSize(n), blocks = (columns + size - 1) / size;
        int bits = Bits(n);
        Tensor codes = Constant(n, 1)!, scales = Constant(n, 2)!;
        Tensor? zeros = Constant(n, 3);
        bool floatZeros = zeros is { } z && z.Type.IsFloat();
        if (columns <= 0 || rows <= 0 || codes.Type != ElementType.U8 || (Int128)codes.Count != (Int128)rows * blocks * size * bits / 8 || scales.Count != rows * blocks
            || (zeros is not null && zeros.Count != (floatZeros ? rows * blocks : rows * ((blocks * bits + 7) / 8))))
        {
            throw ImportException.Invalid($"the weights do not hold {rows} rows of {columns} columns in blocks of {size} at {bits} bits");
        }
        Value weights = n.Constant(new Blocks(codes, TensorMath.Doubles(scales), zeros, bits, rows, columns, size).Expand(transposed: true));
        n.Session.NoteExpandedWeights(n.Label);
        Value x = n.Value(0);
        Value product = ContractionOperators.Multiply(n, n.Cast(x, ElementType.F32), weights);
        n.Return(ContribOperators.Sum(n, n.Cast(product, x.Type.Element), 5));
    }

    /// <summary>Rows of a table of blocks along its last dimension.</summary>
    private static void Gather(NodeContext n)
    {
        Tensor codes = Constant(n, 0)!, scales = Constant(n, 2)!;
        Tensor? zeros = Constant(n, 3);
        long size = BlockSize(n);
        int rank = codes.Rank, bits = codes.Type == ElementType.U8 ? Bits(n) : 4;
        if (rank < 2 || AxisRules.Normalize(n.Int("gather_axis", 0), rank) != 0 || AxisRules.Normalize(n.Int("quantize_axis", 1), rank) != rank - 1)
        {
            throw ImportException.Invalid("rows are gathered along the first dimension of a table with blocks along its last; this one differs");
        }
        long columns = codes.Shape[^1] * (codes.Type == ElementType.U8 ? 8 / bits : 1), blocks = (columns + size - 1) / size;
        long rows = 1;
        foreach (long d in codes.Shape[..^1])
        {
            rows *= d;
        }
        long zeroCount = zeros?.Type == ElementType.U8 ? rows * ((blocks * bits + 7) / 8) : rows * blocks;
        if (rows <= 0 || columns <= 0 || scales.Count != rows * blocks || (zeros is not null && zeros.Count != zeroCount))
        {
            throw ImportException.Invalid($"scales and zero points do not fit {rows} rows of {columns} columns in blocks of {size}");
        }
        var table = new Blocks(codes, TensorMath.Doubles(scales), zeros, bits, rows, columns, size) { DefaultZero = codes.Type == ElementType.U8 ? 1 << (bits - 1) : 0 };
        long[] shape = [.. codes.Shape[..^1], columns];
        Value expanded = n.Constant(table.Expand(transposed: false).Reshape(shape));
        n.Session.NoteExpandedWeights(n.Label);
        n.Return(n.Cast(n.Emit(new GraphIR.Operators.Gather(0), expanded, n.Value(1)), scales.Type));
    }

    private static long BlockSize(NodeContext n) => n.Int("block_size", 128) is >= 16 and <= 1 << 20 and { } size && long.IsPow2(size) ? size
        : throw ImportException.Invalid($"block_size {n.Int("block_size", 128)} is not a power of two from 16 on");

    private static int Bits(NodeContext n) => n.Int("bits", 4) is 2 or 4 or 8 ? (int)n.Int("bits", 4) : throw ImportException.Invalid($"{n.Int("bits", 4)} bits are not supported, 2, 4 and 8 are");

    /// <summary>A constant input, null when it is left out.</summary>
    private static Tensor? Constant(NodeContext n, int input) => n.Optional(input) is null && input > 2 ? null
        : n.Value(input).ConstantData ?? throw ImportException.Invalid($"input {input} must be a constant, quantised weights are multiplied out at import");
}
