using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vselect and viota.</summary>
internal static class SelectKernels
{
    /// <summary>Chooses in 64-bit integers when both choices are integer or bool, otherwise in f32. A NaN condition is true.</summary>
    public static void Run(EngineContext x, VectorSelect i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView condition = x.View(i.Condition), a = x.View(i.A), b = x.View(i.B), dst = x.View(i.Dst);
        bool integers = a.IsInteger && b.IsInteger;
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < columns; c += UnaryKernel.Chunk)
            {
                int n = int.Min(UnaryKernel.Chunk, columns - c);
                Span<long> test = x.Rows.Longs(2, n);
                ReadTruth(x, in condition, row, c, test);
                if (integers)
                {
                    Span<long> left = x.Rows.Longs(0, n), right = x.Rows.Longs(1, n);
                    RowConversion.Integers(in a, row, c, left);
                    RowConversion.Integers(in b, row, c, right);
                    for (int k = 0; k < n; k++)
                    {
                        left[k] = test[k] != 0 ? left[k] : right[k];
                    }
                    RowConversion.WriteIntegers(in dst, row, c, left);
                }
                else
                {
                    ReadOnlySpan<float> left = RowConversion.Floats(in a, row, c, x.Rows.Floats(0, n));
                    ReadOnlySpan<float> right = RowConversion.Floats(in b, row, c, x.Rows.Floats(1, n));
                    Span<float> result = RowConversion.Target(in dst, row, c, x.Rows.Floats(2, n));
                    for (int k = 0; k < n; k++)
                    {
                        result[k] = test[k] != 0 ? left[k] : right[k];
                    }
                    RowConversion.Finish(in dst, row, c, result);
                }
            }
        }
    }

    public static void Run(EngineContext x, VectorIota i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView dst = x.View(i.Dst);
        long start = x.Registers[i.Start.Index], rowStep = x.Registers[i.RowStep.Index], columnStep = x.Registers[i.ColumnStep.Index];
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < columns; c += UnaryKernel.Chunk)
            {
                Span<long> values = x.Rows.Longs(0, int.Min(UnaryKernel.Chunk, columns - c));
                for (int k = 0; k < values.Length; k++)
                {
                    values[k] = unchecked(start + (row * rowStep) + ((c + k) * columnStep));
                }
                RowConversion.WriteIntegers(in dst, row, c, values);
            }
        }
    }

    private static void ReadTruth(EngineContext x, in VectorView condition, int row, int column, Span<long> test)
    {
        if (condition.IsInteger)
        {
            RowConversion.Integers(in condition, row, column, test);
            return;
        }
        ReadOnlySpan<float> values = RowConversion.Floats(in condition, row, column, x.Rows.Floats(0, test.Length));
        for (int k = 0; k < test.Length; k++)
        {
            test[k] = values[k] != 0 ? 1 : 0;
        }
    }
}
