using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Weights stored row by row, [..., N, K]: as plain elements, or as u8 [..., N, bytes of K elements] in a block format.</summary>
internal static class WeightRows
{
    /// <summary>Rows widened at a time.</summary>
    private const int Rows = 64;

    /// <summary>Checks that rows of <paramref name="w"/> along <paramref name="axis"/> hold <paramref name="depth"/> weights.</summary>
    public static void ExpectDepth(TensorType w, BlockFormat? format, DimExpr depth, int axis)
    {
        if (format is null)
        {
            ShapeRules.ExpectFloat(w, "w");
            ShapeRules.ExpectEqual(depth, w.Shape[axis], "the width of x", "the depth of w");
            return;
        }
        ShapeRules.Expect(depth.ConstantValue is >= 0, $"the width of x, {depth}, must be constant where the weights are in blocks");
        ExpectBytes(w, format, depth.ConstantValue!.Value);
    }

    /// <summary>Checks that <paramref name="w"/> is bytes whose rows hold exactly the blocks of <paramref name="columns"/> elements.</summary>
    public static void ExpectBytes(TensorType w, BlockFormat format, long columns)
    {
        ShapeRules.Expect(w.Element == ElementType.U8 && w.Rank > 0, $"blocks of {format.Name} are rows of u8, not {w}");
        ShapeRules.Expect(columns >= 0, $"{columns} columns");
        long bytes = format.RowBytes(columns);
        ShapeRules.Expect(w.Shape.Last.Is(bytes), $"{columns} elements of {format.Name} take rows of {bytes} bytes, these have {w.Shape.Last}");
    }

    /// <summary>Elements of row <paramref name="row"/> of all rows of <paramref name="w"/>.</summary>
    public static void Decode(Tensor w, BlockFormat? format, long row, Span<float> result)
    {
        if (format is null)
        {
            int size = w.Type.Size();
            NumericFormat.WidenToF32(w.Type, w.Bytes(checked(row * w.Shape[^1] * size), result.Length * size), result);
            return;
        }
        long stride = w.Shape[^1];
        format.Decode(w.Bytes(checked(row * stride), checked((int)stride)), result);
    }

    /// <summary>result[i, n] = Σ x[i, k]·w[firstRow + n, k], k ascending.</summary>
    public static void Multiply(ReadOnlySpan<double> x, Tensor w, BlockFormat? format, long firstRow, Span<double> result, long rows, long depth, long columns)
    {
        var row = new float[depth];
        for (long n0 = 0; n0 < columns; n0 += Rows)
        {
            int width = (int)long.Min(Rows, columns - n0);
            var panel = new double[depth * width];
            var product = new double[rows * width];
            for (int n = 0; n < width; n++)
            {
                Decode(w, format, firstRow + n0 + n, row);
                for (int k = 0; k < row.Length; k++)
                {
                    panel[(k * width) + n] = row[k];
                }
            }
            MatMul.Multiply(x, panel, product, rows, depth, width);
            for (int i = 0; i < rows; i++)
            {
                product.AsSpan(i * width, width).CopyTo(result[checked((int)((i * columns) + n0))..]);
            }
        }
    }

    /// <summary>result[i, n] += x[i, k]·w[k, n], k ascending: of weights [K, N], one row at a time.</summary>
    public static void MultiplyByRows(ReadOnlySpan<double> x, Tensor w, Span<double> result, long rows, long depth, long columns)
    {
        int width = checked((int)columns);
        var row = new float[width];
        var wide = new double[width];
        for (int k = 0; k < depth; k++)
        {
            Decode(w, null, k, row);
            for (int n = 0; n < width; n++)
            {
                wide[n] = row[n];
            }
            for (int i = 0; i < rows; i++)
            {
                TensorMath.AddScaled(result.Slice(i * width, width), x[checked((int)((i * depth) + k))], wide);
            }
        }
    }
}
