using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>loadw, load, store, gather, fill, copy.</summary>
internal static unsafe class DmaKernels
{
    public static void Run(EngineContext x, LoadWeights i)
    {
        long bytes = x.Value(i.Bytes);
        if (bytes > 0)
        {
            System.Buffer.MemoryCopy(x.Pointer(i.Src), x.Pointer(i.Dst), bytes, bytes);
        }
    }

    public static void Run(EngineContext x, Load i)
    {
        if (!IsEmpty(x, i.Count))
        {
            StridedMove.Run(x, x.Pointer(i.Dst), i.DstFormat, new Dim3(i.DstOuterStride, i.DstMiddleStride, i.DstInnerStride), x.Pointer(i.Src), i.SrcFormat, i.SrcStride, i.Count);
        }
    }

    public static void Run(EngineContext x, Store i)
    {
        if (!IsEmpty(x, i.Count))
        {
            StridedMove.Run(x, x.Pointer(i.Dst), i.DstFormat, i.DstStride, x.Pointer(i.Src), i.SrcFormat, new Dim3(i.SrcOuterStride, i.SrcMiddleStride, i.SrcInnerStride), i.Count);
        }
    }

    public static void Run(EngineContext x, Copy i)
    {
        if (!IsEmpty(x, i.Count))
        {
            StridedMove.Run(x, x.Pointer(i.Dst), i.DstFormat, i.DstStride, x.Pointer(i.Src), i.SrcFormat, i.SrcStride, i.Count);
        }
    }

    public static void Run(EngineContext x, Gather i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        int tableRows = x.Count(i.TableRows);
        TableIndex.CheckFormat(i.IndexFormat, "gather");
        if (rows == 0)
        {
            return;
        }
        var index = new TableIndex(x.Pointer(i.Indices), i.IndexFormat, tableRows);
        bool moves = columns > 0 && tableRows > 0;
        byte* table = moves ? x.Pointer(i.Table) : null, dst = moves ? x.Pointer(i.Dst) : null;
        long tableStride = x.Value(i.TableRowStride), dstStride = x.Value(i.DstRowStride);
        for (int r = 0; r < rows; r++)
        {
            long row = index.Row(r);
            if (!moves)
            {
                continue;
            }
            x.TableRows?.TableRow(x.Registers[i.Table.Base.Index] + i.Table.Offset + (row * tableStride), i.TableFormat.RowBytes(columns), isWrite: false);
            if (i.TableFormat.Block is { } block)
            {
                Span<float> values = x.Rows.Floats(0, columns);
                block.Decode(new ReadOnlySpan<byte>(table + (row * tableStride), checked((int)block.RowBytes(columns))), values);
                NumericFormat.NarrowFromF32(i.DstFormat, values, new Span<byte>(dst + (r * dstStride), checked(columns * i.DstFormat.Size())));
                continue;
            }
            StridedMove.Convert(x, i.DstFormat, dst + (r * dstStride), i.TableFormat.Element, table + (row * tableStride), columns);
        }
    }

    public static void Run(EngineContext x, Fill i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        byte* dst = x.Pointer(i.Dst);
        long stride = x.Value(i.RowStride), value = x.Registers[i.Value.Index];
        for (int r = 0; r < rows; r++)
        {
            byte* row = dst + (r * stride);
            switch (i.Format.Size())
            {
                case 1: new Span<byte>(row, columns).Fill((byte)value); break;
                case 2: new Span<ushort>(row, columns).Fill((ushort)value); break;
                case 4: new Span<uint>(row, columns).Fill((uint)value); break;
                default: new Span<long>(row, columns).Fill(value); break;
            }
        }
    }

    private static bool IsEmpty(EngineContext x, Dim3 count) => x.Count(count.Outer) == 0 || x.Count(count.Middle) == 0 || x.Count(count.Inner) == 0;
}
