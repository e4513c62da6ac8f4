using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A part of a block of columns on some of the arrays, whose rows are split once more over <paramref name="Splits"/> ranges of them.</summary>
/// <param name="FirstTile">First column tile of the block.</param>
/// <param name="Tiles">Column tiles: arrays of a range.</param>
internal readonly record struct ArrayPart(long FirstTile, long Tiles, int Splits)
{
    /// <summary>
    /// How a block that has the chip to itself is walked. Where it has fewer column tiles than there are arrays, the rows
    /// are split: 6 tiles on 4 arrays are 4, and twice 2 with half of the rows. With few rows the arrays wait for weights
    /// anyway, and one product over all columns loads them once.
    /// </summary>
    /// <param name="rows">Rows of a full tile.</param>
    /// <param name="kind">Of the multiply-adds.</param>
    public static IReadOnlyList<ArrayPart> Of(long tiles, long rows, MatrixDescription matrix, MacClass kind)
    {
        ArrayPart[] whole = [new ArrayPart(0, tiles, 1)];
        if (tiles >= matrix.Arrays)
        {
            return whole;
        }
        var parts = new List<ArrayPart>();
        for (long first = 0; first < tiles; first += parts[^1].Tiles)
        {
            long width = tiles - first;
            while (matrix.Arrays % width != 0)
            {
                width--;
            }
            parts.Add(new ArrayPart(first, width, (int)(matrix.Arrays / width)));
        }
        double split = parts.Sum(p => Occupancy((rows + p.Splits - 1) / p.Splits, p.Tiles));
        return split < Occupancy(rows, tiles) ? parts : whole;

        double Occupancy(long m, long width) => MatrixCost.Of(matrix, kind, m, matrix.K, width * matrix.N, 0, (int)width).Occupancy;
    }
}
