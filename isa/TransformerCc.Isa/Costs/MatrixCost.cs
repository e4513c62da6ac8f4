using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Costs;

/// <summary>
/// A product on the arrays: its panel is walked in tiles of K × 128, the columns' tiles dealt out round-robin over the
/// arrays of its range. Each array loads a tile into its free bank while it streams the rows of A through the other.
/// </summary>
/// <param name="TilesPerArray">Of the array with the most.</param>
/// <param name="Load">Cycles of a tile's weight load: ⌈rows / rows per cycle⌉ + 8.</param>
/// <param name="Stream">Cycles of the rows of A: M at the format's rate.</param>
/// <param name="Drain">From the start of the last tile to the last result: M + K + N − 1 + 8.</param>
public readonly record struct MatrixCost(long TilesPerArray, double Load, double Stream, double Drain, int FirstArray, int ArrayCount, long MultiplyAdds, MacClass Class)
{
    /// <summary>Control of a weight load, and of the way out of an array.</summary>
    public const double ArrayOverhead = 8;

    /// <summary>A tile holds its array for as long as it streams, or as the next one's load takes.</summary>
    public double Occupancy => double.Max(Stream, Load);

    /// <summary>Cycles for which the product holds its arrays: one tile after the other, the last as long as it streams.</summary>
    public double Busy => TilesPerArray == 0 ? 0 : ((TilesPerArray - 1) * Occupancy) + Stream;

    /// <summary>The product of M × K activations and K × N weights on a range of arrays.</summary>
    public static MatrixCost Of(MatrixDescription matrix, MacClass kind, long m, long k, long n, int firstArray, int arrayCount)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (m <= 0 || k <= 0 || n <= 0)
        {
            return default;
        }
        double rate = matrix.Rate(kind);
        // 32-bit rows take the port twice as long as 16-bit ones.
        double rowsPerCycle = kind == MacClass.F32 ? matrix.WeightLoadRowsPerCycle / 2.0 : matrix.WeightLoadRowsPerCycle;
        long columnTiles = (n + matrix.N - 1) / matrix.N, depthTiles = (k + matrix.K - 1) / matrix.K;
        int arrays = int.Max(1, arrayCount);
        long tiles = (columnTiles + arrays - 1) / arrays * depthTiles;
        double stream = double.Ceiling(m / rate), load = double.Ceiling(long.Min(k, matrix.K) / rowsPerCycle) + ArrayOverhead;
        double drain = stream + long.Min(k, matrix.K) + long.Min(n, matrix.N) - 1 + ArrayOverhead;
        return new MatrixCost(tiles, load, stream, drain, firstArray, arrays, m * k * n, kind);
    }

    /// <summary>The codes of block formats are multiplied at the rate of bf16.</summary>
    public static MacClass ClassOf(ElementType activations, WeightFormat weights)
    {
        if (weights.Block is not null)
        {
            return activations == ElementType.F32 ? MacClass.F32 : MacClass.BF16;
        }
        ElementType w = weights.Element;
        return activations == ElementType.F32 || w == ElementType.F32 ? MacClass.F32
            : activations.IsInteger() && w.IsInteger() ? MacClass.I8
            : activations.Size() == 1 && w.Size() == 1 ? MacClass.F8
            : MacClass.BF16;
    }
}
