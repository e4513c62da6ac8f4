using System.Buffers;
using System.Runtime.InteropServices;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>The bytes of a panel from the model's tensor: what is stored by rows of the result is transposed on the way.</summary>
public static class PanelWriter
{
    public static void Write(WeightPanel panel, Span<byte> target)
    {
        if (panel.Columns % Lines.Bytes != 0)
        {
            target.Clear();
        }
        if (panel.Matrix.Blocks is { } blocks)
        {
            WriteBlocks(panel, blocks, target);
        }
        else if (panel.Matrix.Layout == WeightLayout.NByK)
        {
            WriteTransposed(panel, target);
        }
        else
        {
            for (int k = 0; k < panel.Rows; k++)
            {
                Convert(Elements(panel, panel.K0 + k, panel.N0, panel.Columns), panel.Matrix.Source.Type, target[checked((int)(k * panel.RowStride))..], panel.Format.Element, (int)panel.Columns);
            }
        }
    }

    /// <summary>Converts floats between formats.</summary>
    public static void Convert(ReadOnlySpan<byte> source, ElementType from, Span<byte> target, ElementType to, int count)
    {
        if (from == to)
        {
            source[..(count * from.Size())].CopyTo(target);
            return;
        }
        float[] wide = ArrayPool<float>.Shared.Rent(count);
        NumericFormat.WidenToF32(from, source, wide.AsSpan(0, count));
        NumericFormat.NarrowFromF32(to, wide.AsSpan(0, count), target[..(count * to.Size())]);
        ArrayPool<float>.Shared.Return(wide);
    }

    private static void WriteBlocks(WeightPanel panel, BlockFormat blocks, Span<byte> target)
    {
        WeightMatrix matrix = panel.Matrix;
        int columns = checked((int)panel.Columns), bytes = checked((int)((panel.Rows + blocks.BlockLength - 1) / blocks.BlockLength * blocks.BlockBytes));
        using Strip rows = new(matrix.Source, matrix.FirstRow + panel.N0, columns, matrix.Source.Shape[^1], panel.K0 / blocks.BlockLength * blocks.BlockBytes, bytes);
        if (blocks.PanelFormat == blocks)
        {
            TileTranspose.Run(rows.Bytes, rows.Stride, target, panel.RowStride, columns, bytes);
            return;
        }
        int repacked = bytes / blocks.BlockBytes * blocks.PanelFormat.BlockBytes;
        byte[] copy = ArrayPool<byte>.Shared.Rent(checked(columns * repacked));
        for (int n = 0; n < columns; n++)
        {
            blocks.Repack(rows.Bytes.Slice(checked((int)(n * rows.Stride)), bytes), copy.AsSpan(n * repacked, repacked));
        }
        TileTranspose.Run<byte>(copy, repacked, target, panel.RowStride, columns, repacked);
        ArrayPool<byte>.Shared.Return(copy);
    }

    private static void WriteTransposed(WeightPanel panel, Span<byte> target)
    {
        ElementType type = panel.Matrix.Source.Type;
        int size = type.Size(), columns = checked((int)panel.Columns), rows = checked((int)panel.Rows);
        using Strip source = new(panel.Matrix.Source, panel.Matrix.FirstRow + panel.N0, columns, panel.Matrix.Depth * size, panel.K0 * size, checked(rows * size));
        if (type == panel.Format.Element)
        {
            Transpose(source.Bytes, source.Stride / size, target, panel.RowStride / size, columns, rows, size);
            return;
        }
        byte[] copy = ArrayPool<byte>.Shared.Rent(checked(rows * columns * size));
        Transpose(source.Bytes, source.Stride / size, copy, columns, columns, rows, size);
        for (int k = 0; k < rows; k++)
        {
            Convert(copy.AsSpan(k * columns * size, columns * size), type, target[checked((int)(k * panel.RowStride))..], panel.Format.Element, columns);
        }
        ArrayPool<byte>.Shared.Return(copy);
    }

    private static void Transpose(ReadOnlySpan<byte> source, long sourceStride, Span<byte> target, long targetStride, int rows, int columns, int size)
    {
        switch (size)
        {
            case 1: TileTranspose.Run(source, sourceStride, target, targetStride, rows, columns); break;
            case 2: TileTranspose.Run(MemoryMarshal.Cast<byte, ushort>(source), sourceStride, MemoryMarshal.Cast<byte, ushort>(target), targetStride, rows, columns); break;
            case 4: TileTranspose.Run(MemoryMarshal.Cast<byte, uint>(source), sourceStride, MemoryMarshal.Cast<byte, uint>(target), targetStride, rows, columns); break;
            default: TileTranspose.Run(MemoryMarshal.Cast<byte, ulong>(source), sourceStride, MemoryMarshal.Cast<byte, ulong>(target), targetStride, rows, columns); break;
        }
    }

    private static ReadOnlySpan<byte> Elements(WeightPanel panel, long row, long column, long count)
    {
        int size = panel.Matrix.Source.Type.Size();
        return panel.Matrix.Source.Bytes(checked((((panel.Matrix.FirstRow + row) * panel.Matrix.Columns) + column) * size), checked((int)(count * size)));
    }

    /// <summary>
    /// The same bytes of consecutive rows, <see cref="Stride"/> apart: a view from the first of them on, whose last row need not be
    /// whole. Rows of a long tensor may be further apart than a span reaches; they are copied side by side.
    /// </summary>
    private readonly ref struct Strip
    {
        private readonly byte[]? _copy;

        public Strip(Tensor source, long firstRow, int rows, long rowBytes, long start, int bytes)
        {
            if (!source.IsLong)
            {
                Bytes = source.Data.Span[checked((int)((firstRow * rowBytes) + start))..];
                Stride = rowBytes;
                return;
            }
            _copy = ArrayPool<byte>.Shared.Rent(checked(rows * bytes));
            for (int i = 0; i < rows; i++)
            {
                source.Bytes(checked(((firstRow + i) * rowBytes) + start), bytes).CopyTo(_copy.AsSpan(i * bytes));
            }
            Bytes = _copy;
            Stride = bytes;
        }

        public ReadOnlySpan<byte> Bytes { get; }

        public long Stride { get; }

        public void Dispose()
        {
            if (_copy is not null)
            {
                ArrayPool<byte>.Shared.Return(_copy);
            }
        }
    }
}
