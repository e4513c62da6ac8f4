using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.TileEvaluation;

/// <summary>
/// What a piece of the weight section holds, element by element from the model's tensor. Slow and plain: the writer of binaries
/// transposes in tiles, and this must not share its mistakes.
/// </summary>
internal static class PieceBytes
{
    public static byte[] Of(WeightPiece piece)
    {
        var bytes = new byte[checked((int)piece.Bytes)];
        switch (piece)
        {
            case WeightPanel { Matrix.Blocks: { } blocks } panel:
                WriteBlocks(panel, blocks, bytes);
                break;
            case WeightPanel panel:
                WriteElements(panel, bytes);
                break;
            case ConstantBlob blob:
                Convert(blob.Source.Data.Span, blob.Source.Type, bytes, blob.Format);
                break;
        }
        return bytes;
    }

    /// <summary>target[k · row stride + n · size] = w[K0 + k, N0 + n]</summary>
    private static void WriteElements(WeightPanel panel, Span<byte> target)
    {
        WeightMatrix matrix = panel.Matrix;
        (ElementType from, ElementType to) = (matrix.Source.Type, panel.Format.Element);
        (int size, int columns) = (from.Size(), checked((int)panel.Columns));
        var row = new byte[columns * size];
        for (long k = 0; k < panel.Rows; k++)
        {
            for (int n = 0; n < columns; n++)
            {
                long element = matrix.Layout == WeightLayout.KByN
                    ? ((matrix.FirstRow + panel.K0 + k) * matrix.Columns) + panel.N0 + n
                    : ((matrix.FirstRow + panel.N0 + n) * matrix.Depth) + panel.K0 + k;
                matrix.Source.Bytes(element * size, size).CopyTo(row.AsSpan(n * size));
            }
            Convert(row, from, target.Slice(checked((int)(k * panel.RowStride)), columns * to.Size()), to);
        }
    }

    /// <summary>target[j · row stride + n] = byte j of the blocks of column n, in the format that panels have.</summary>
    private static void WriteBlocks(WeightPanel panel, BlockFormat blocks, Span<byte> target)
    {
        Tensor source = panel.Matrix.Source;
        int rowBytes = checked((int)source.Shape[^1]), count = checked((int)((panel.Rows + blocks.BlockLength - 1) / blocks.BlockLength));
        int first = checked((int)(panel.K0 / blocks.BlockLength)), bytes = count * blocks.BlockBytes;
        var packed = new byte[count * blocks.PanelFormat.BlockBytes];
        for (int n = 0; n < panel.Columns; n++)
        {
            long row = panel.Matrix.FirstRow + panel.N0 + n;
            ReadOnlySpan<byte> column = source.Bytes((row * rowBytes) + (first * blocks.BlockBytes), bytes);
            if (blocks.PanelFormat == blocks)
            {
                column.CopyTo(packed);
            }
            else
            {
                blocks.Repack(column, packed);
            }
            for (int j = 0; j < packed.Length; j++)
            {
                target[checked((int)((j * panel.RowStride) + n))] = packed[j];
            }
        }
    }

    private static void Convert(ReadOnlySpan<byte> source, ElementType from, Span<byte> target, ElementType to)
    {
        if (from == to)
        {
            source.CopyTo(target);
            return;
        }
        var wide = new float[source.Length / from.Size()];
        NumericFormat.WidenToF32(from, source, wide);
        NumericFormat.NarrowFromF32(to, wide, target);
    }
}
