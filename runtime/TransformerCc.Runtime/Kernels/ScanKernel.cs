using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vscan: running sums.</summary>
internal static class ScanKernel
{
    public static void Run(EngineContext x, VectorScan i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView dst = x.View(i.Dst), src = x.View(i.Src);
        // Of a row that goes into one element, the sum written last remains: in reverse that of the first column.
        int written = dst.IsSingle && i.Reverse ? 1 : columns;
        for (int row = 0; row < rows; row++)
        {
            if (src.IsInteger)
            {
                Span<long> values = x.Rows.Longs(0, columns);
                RowConversion.Integers(in src, row, 0, values);
                long sum = 0;
                for (int c = 0; c < columns; c++)
                {
                    ref long v = ref values[i.Reverse ? columns - 1 - c : c];
                    long next = unchecked(sum + v);
                    v = i.Exclusive ? sum : next;
                    sum = next;
                }
                RowConversion.WriteIntegers(in dst, row, 0, values[..written]);
            }
            else
            {
                Span<float> values = x.Rows.Floats(0, columns);
                RowConversion.CopyFloats(in src, row, values);
                float sum = 0;
                for (int c = 0; c < columns; c++)
                {
                    ref float v = ref values[i.Reverse ? columns - 1 - c : c];
                    float next = sum + v;
                    v = i.Exclusive ? sum : next;
                    sum = next;
                }
                RowConversion.WriteFloats(in dst, row, 0, values[..written]);
            }
        }
    }
}
