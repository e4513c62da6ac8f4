using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// A product on the arrays: its panel is walked in tiles of K × 128, the columns' tiles dealt out round-robin over the
/// arrays of its range. Each array loads a tile into its free bank while it streams the rows of A through the other.
/// </summary>
/// <param name="TilesPerArray">Of the array with the most.</param>
/// <param name="Load">Cycles of a tile's weight load: ⌈rows / rows per cycle⌉ + 8.</param>
/// <param name="Stream">Cycles of the rows of A: M at the format's rate.</param>
/// <param name="Drain">From the start of the last tile to the last result: M + K + N − 1 + 8.</param>
internal readonly record struct MatrixCost(long TilesPerArray, double Load, double Stream, double Drain, int FirstArray, int ArrayCount, long MultiplyAdds, MacClass Class)
{
    /// <summary>A tile holds its array for as long as it streams, or as the next one's load takes.</summary>
    public double Occupancy => double.Max(Stream, Load);

    public static MatrixCost Of(MatMul i, ReadOnlySpan<long> registers, MatrixDescription matrix)
    {
        long m = i.M.Resolve(registers), k = i.K.Resolve(registers), n = i.N.Resolve(registers);
        if (m <= 0 || k <= 0 || n <= 0)
        {
            return default;
        }
        MacClass kind = ClassOf(i);
        double rate = matrix.Rate(kind);
        // 32-bit rows take the port twice as long as 16-bit ones.
        double rowsPerCycle = kind == MacClass.F32 ? matrix.WeightLoadRowsPerCycle / 2.0 : matrix.WeightLoadRowsPerCycle;
        long columnTiles = (n + matrix.N - 1) / matrix.N, depthTiles = (k + matrix.K - 1) / matrix.K;
        long tiles = (columnTiles + i.ArrayCount - 1) / int.Max(1, (int)i.ArrayCount) * depthTiles;
        double stream = double.Ceiling(m / rate), load = double.Ceiling(long.Min(k, matrix.K) / rowsPerCycle) + InstructionCost.ArrayOverhead;
        double drain = stream + long.Min(k, matrix.K) + long.Min(n, matrix.N) - 1 + InstructionCost.ArrayOverhead;
        return new MatrixCost(tiles, load, stream, drain, i.FirstArray, int.Max(1, (int)i.ArrayCount), m * k * n, kind);
    }

    /// <summary>The codes of block formats are multiplied at the rate of bf16.</summary>
    private static MacClass ClassOf(MatMul i)
    {
        if (i.WFormat.Block is not null)
        {
            return i.AFormat == ElementType.F32 ? MacClass.F32 : MacClass.BF16;
        }
        ElementType w = i.WFormat.Element;
        return i.AFormat == ElementType.F32 || w == ElementType.F32 ? MacClass.F32
            : i.AFormat.IsInteger() && w.IsInteger() ? MacClass.I8
            : i.AFormat.Size() == 1 && w.Size() == 1 ? MacClass.F8
            : MacClass.BF16;
    }
}
