using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>scatter: rows in ascending order, so that of equal indices the last one wins.</summary>
internal static unsafe class ScatterKernel
{
    public static void Run(EngineContext x, Scatter i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        int tableRows = x.Count(i.TableRows);
        TableIndex.CheckFormat(i.IndexFormat, "scatter");
        if (rows == 0)
        {
            return;
        }
        var index = new TableIndex(x.Pointer(i.Indices), i.IndexFormat, tableRows);
        bool moves = columns > 0 && tableRows > 0;
        byte* src = moves ? x.Pointer(i.Src) : null, dst = moves ? x.Pointer(i.Dst) : null;
        long dstStride = x.Value(i.DstRowStride), srcStride = x.Value(i.SrcRowStride);
        for (int r = 0; r < rows; r++)
        {
            long row = index.Row(r);
            if (!moves)
            {
                continue;
            }
            long address = x.Registers[i.Dst.Base.Index] + i.Dst.Offset + (row * dstStride), bytes = (long)columns * i.DstFormat.Size();
            if (i.Mode != ScatterMode.Replace)
            {
                x.TableRows?.TableRow(address, bytes, isWrite: false);
            }
            x.TableRows?.TableRow(address, bytes, isWrite: true);
            Combine(x, i, dst + (row * dstStride), src + (r * srcStride), columns);
        }
    }

    private static void Combine(EngineContext x, Scatter i, byte* dst, byte* src, int columns)
    {
        if (i.Mode == ScatterMode.Replace)
        {
            StridedMove.Convert(x, i.DstFormat, dst, i.SrcFormat, src, columns);
        }
        else if (IsExact(i.DstFormat) && IsExact(i.SrcFormat))
        {
            Span<long> old = x.Rows.Longs(0, columns), update = x.Rows.Longs(1, columns);
            RowConversion.ReadIntegers(i.DstFormat, dst, old);
            RowConversion.ReadIntegers(i.SrcFormat, src, update);
            for (int c = 0; c < columns; c++)
            {
                old[c] = i.Mode switch
                {
                    ScatterMode.Add => unchecked(old[c] + update[c]),
                    ScatterMode.Multiply => unchecked(old[c] * update[c]),
                    ScatterMode.Min => long.Min(old[c], update[c]),
                    ScatterMode.Max => long.Max(old[c], update[c]),
                    _ => throw Illegal(i.Mode),
                };
            }
            Isa.Numerics.NumericFormat.NarrowFromInt64(i.DstFormat, old, new Span<byte>(dst, columns * i.DstFormat.Size()));
        }
        else
        {
            Span<float> old = x.Rows.Floats(0, columns), update = x.Rows.Floats(1, columns);
            RowConversion.ReadFloats(i.DstFormat, dst, old);
            RowConversion.ReadFloats(i.SrcFormat, src, update);
            for (int c = 0; c < columns; c++)
            {
                old[c] = i.Mode switch
                {
                    ScatterMode.Add => old[c] + update[c],
                    ScatterMode.Multiply => old[c] * update[c],
                    ScatterMode.Min => MathF.Min(old[c], update[c]),
                    ScatterMode.Max => MathF.Max(old[c], update[c]),
                    _ => throw Illegal(i.Mode),
                };
            }
            Isa.Numerics.NumericFormat.NarrowFromF32(i.DstFormat, old, new Span<byte>(dst, columns * i.DstFormat.Size()));
        }
    }

    private static bool IsExact(ElementType format) => format.IsInteger() || format == ElementType.Bool;

    private static TrapSignal Illegal(ScatterMode mode) => new(TrapKind.IllegalInstruction, FormattableString.Invariant($"scatter mode {(byte)mode}"));
}
