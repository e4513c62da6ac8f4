using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vtopk: sorts the columns of each row by keys whose ascending order is the wanted one.</summary>
internal static class TopKKernel
{
    public static void Run(EngineContext x, VectorTopK i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        int count = x.Count(i.Count);
        if (count > columns)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"the best {count} of {columns} columns"));
        }
        if (rows == 0 || count == 0)
        {
            return;
        }
        VectorView dst = x.View(i.Dst), result = x.View(i.Result), src = x.View(i.Src);
        var keys = new long[columns];
        var order = new int[columns];
        for (int row = 0; row < rows; row++)
        {
            Span<long> integers = x.Rows.Longs(0, src.IsInteger ? columns : 0);
            Span<float> floats = x.Rows.Floats(0, src.IsInteger ? 0 : columns);
            if (src.IsInteger)
            {
                RowConversion.Integers(in src, row, 0, integers);
            }
            else
            {
                RowConversion.CopyFloats(in src, row, floats);
            }
            for (int c = 0; c < columns; c++)
            {
                order[c] = c;
                keys[c] = src.IsInteger ? (i.Largest ? ~integers[c] : integers[c]) : Key(floats[c], i.Largest);
            }
            order.AsSpan().Sort(new ByKey(keys));
            Span<long> places = x.Rows.Longs(1, count), bestIntegers = x.Rows.Longs(2, src.IsInteger ? count : 0);
            Span<float> bestFloats = x.Rows.Floats(1, src.IsInteger ? 0 : count);
            for (int j = 0; j < count; j++)
            {
                places[j] = order[j];
                if (src.IsInteger)
                {
                    bestIntegers[j] = integers[order[j]];
                }
                else
                {
                    bestFloats[j] = floats[order[j]];
                }
            }
            if (src.IsInteger)
            {
                RowConversion.WriteIntegers(in dst, row, 0, bestIntegers);
            }
            else
            {
                RowConversion.WriteFloats(in dst, row, 0, bestFloats);
            }
            RowConversion.WriteIntegers(in result, row, 0, places);
        }
    }

    /// <summary>Floats as integers of the same order, or the opposite; NaN comes first, zeros are equal.</summary>
    private static long Key(float value, bool descending)
    {
        if (float.IsNaN(value))
        {
            return long.MinValue;
        }
        int bits = BitConverter.SingleToInt32Bits(value == 0 ? 0 : value);
        long ascending = bits < 0 ? -(long)(bits & int.MaxValue) : bits;
        return descending ? -ascending : ascending;
    }

    private readonly struct ByKey(long[] keys) : IComparer<int>
    {
        public int Compare(int a, int b) => keys[a] != keys[b] ? keys[a].CompareTo(keys[b]) : a.CompareTo(b);
    }
}
