using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vunary and vgated: functions of single elements, in chunks of a row.</summary>
internal static unsafe class UnaryKernel
{
    /// <summary>Elements at a time: every buffer of an operation stays in the first-level cache.</summary>
    public const int Chunk = 1024;

    public static void Run(EngineContext x, VectorUnary i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView src = x.View(i.Src), dst = x.View(i.Dst);
        bool moves = i.Op == UnaryOp.Copy && src.Format == dst.Format && !src.IsSingle && !dst.IsSingle;
        bool integers = src.IsInteger && UnaryFunctions.IsIntegerOp(i.Op);
        for (int row = 0; row < rows; row++)
        {
            if (moves)
            {
                long bytes = (long)columns * src.ElementSize;
                System.Buffer.MemoryCopy(src.Row(row), dst.Row(row), bytes, bytes);
                continue;
            }
            for (int c = 0; c < columns; c += Chunk)
            {
                int n = int.Min(Chunk, columns - c);
                if (integers)
                {
                    Span<long> values = x.Rows.Longs(0, n);
                    RowConversion.Integers(in src, row, c, values);
                    UnaryFunctions.Apply(i.Op, values);
                    RowConversion.WriteIntegers(in dst, row, c, values);
                }
                else
                {
                    ReadOnlySpan<float> values = RowConversion.Floats(in src, row, c, x.Rows.Floats(0, n));
                    Span<float> result = RowConversion.Target(in dst, row, c, x.Rows.Floats(1, n));
                    UnaryFunctions.Apply(i.Op, values, result, x.Rows.Floats(2, n), i.Parameter);
                    RowConversion.Finish(in dst, row, c, result);
                }
            }
        }
    }

    /// <summary>dst = activation(gate) · up.</summary>
    public static void Run(EngineContext x, VectorGated i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView gate = x.View(i.Gate), up = x.View(i.Up), dst = x.View(i.Dst);
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < columns; c += Chunk)
            {
                int n = int.Min(Chunk, columns - c);
                Span<float> activated = x.Rows.Floats(1, n);
                UnaryFunctions.Apply(i.Activation, RowConversion.Floats(in gate, row, c, x.Rows.Floats(0, n)), activated, x.Rows.Floats(2, n), 0);
                FloatBits.Canonicalize(activated);
                Span<float> result = RowConversion.Target(in dst, row, c, x.Rows.Floats(2, n));
                VectorLoops.Map<MultiplyLanes>(activated, RowConversion.Floats(in up, row, c, x.Rows.Floats(0, n)), result);
                RowConversion.Finish(in dst, row, c, result);
            }
        }
    }
}
