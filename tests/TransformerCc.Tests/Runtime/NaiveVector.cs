using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Runtime;

/// <summary>The loop nests of the vector instructions, element by element.</summary>
internal static class NaiveVector
{
    public static void Execute(NaiveMachine m, Instruction instruction)
    {
        switch (instruction)
        {
            case VectorUnary i: Each(m, i.Rows, i.Columns, (r, c) => Unary(m, i, r, c)); break;
            case VectorBinary i: Each(m, i.Rows, i.Columns, (r, c) => Binary(m, i, r, c)); break;
            case VectorSelect i:
                Each(m, i.Rows, i.Columns, (r, c) =>
                {
                    bool test = NaiveMachine.IsInteger(i.Condition.Format) ? Integer(m, i.Condition, r, c) != 0 : Float(m, i.Condition, r, c) != 0;
                    if (NaiveMachine.IsInteger(i.A.Format) && NaiveMachine.IsInteger(i.B.Format))
                    {
                        Write(m, i.Dst, r, c, Integer(m, test ? i.A : i.B, r, c));
                    }
                    else
                    {
                        Write(m, i.Dst, r, c, Float(m, test ? i.A : i.B, r, c));
                    }
                });
                break;
            case VectorGated i: Each(m, i.Rows, i.Columns, (r, c) => Write(m, i.Dst, r, c, Function(i.Activation, Float(m, i.Gate, r, c), 0) * Float(m, i.Up, r, c))); break;
            case VectorIota i: Each(m, i.Rows, i.Columns, (r, c) => Write(m, i.Dst, r, c, m.Registers[i.Start.Index] + (r * m.Registers[i.RowStep.Index]) + (c * m.Registers[i.ColumnStep.Index]))); break;
            case VectorReduce i: Each(m, i.Rows, 1, (r, _) => Reduce(m, i, r)); break;
            case VectorScan i: Each(m, i.Rows, 1, (r, _) => Scan(m, i, r)); break;
            case VectorTopK i: Each(m, i.Rows, 1, (r, _) => TopK(m, i, r)); break;
            case VectorNorm i: Each(m, i.Rows, 1, (r, _) => Norm(m, i, r)); break;
            case VectorRope i: Each(m, i.Rows, 1, (r, _) => Rope(m, i, r)); break;
            case VectorSoftmax i: Each(m, i.Rows, 1, (r, _) => Softmax(m, i, r)); break;
            case OnlineSoftmax i: Each(m, i.Rows, 1, (r, _) => Online(m, i, r)); break;
            case OnlineFinish i:
                Each(m, i.Rows, i.Columns, (r, c) =>
                {
                    float l = m.ReadFloat(MemorySpace.Asp, m.At(i.State) + (r * m.Value(i.StateRowStride)) + 4, ElementType.F32);
                    Write(m, i.Dst, r, c, l == 0 ? 0 : Float(m, i.Src, r, c) / l);
                });
                break;
            default: throw new ArgumentException(instruction.Information.Mnemonic);
        }
    }

    /// <summary>16 lanes in ascending order, then the tree.</summary>
    private static float Lanes(IReadOnlyList<float> x, Func<float, float> term, Func<float, float, float> combine, float neutral)
    {
        float[] lanes = [.. Enumerable.Repeat(neutral, 16)];
        for (int c = 0; c < x.Count; c++)
        {
            lanes[c % 16] = combine(lanes[c % 16], term(x[c]));
        }
        for (int half = 8; half > 0; half /= 2)
        {
            for (int l = 0; l < half; l++)
            {
                lanes[l] = combine(lanes[l], lanes[l + half]);
            }
        }
        return lanes[0];
    }

    private static float Sum(IReadOnlyList<float> x, Func<float, float>? term = null) => Lanes(x, term ?? (v => v), (a, b) => a + b, 0);

    private static void Each(NaiveMachine m, Dim rows, Dim columns, Action<long, long> body)
    {
        for (long r = 0; r < m.Value(rows); r++)
        {
            for (long c = 0; c < m.Value(columns); c++)
            {
                body(r, c);
            }
        }
    }

    private static float Float(NaiveMachine m, VectorOperand o, long r, long c) => m.ReadFloat(o.Address.Space, m.At(o, r, c), o.Format);

    private static long Integer(NaiveMachine m, VectorOperand o, long r, long c) => m.ReadInteger(o.Address.Space, m.At(o, r, c), o.Format);

    private static float[] Row(NaiveMachine m, VectorOperand o, long r, long columns) => [.. Enumerable.Range(0, (int)columns).Select(c => Float(m, o, r, c))];

    private static void Write(NaiveMachine m, VectorOperand o, long r, long c, float v) => m.Write(o.Address.Space, m.At(o, r, c), o.Format, v);

    private static void Write(NaiveMachine m, VectorOperand o, long r, long c, long v) => m.Write(o.Address.Space, m.At(o, r, c), o.Format, v);

    private static void Unary(NaiveMachine m, VectorUnary i, long r, long c)
    {
        bool integer = NaiveMachine.IsInteger(i.Src.Format);
        long v = integer ? Integer(m, i.Src, r, c) : 0;
        switch (i.Op)
        {
            case UnaryOp.Copy or UnaryOp.Floor or UnaryOp.Ceil or UnaryOp.Round when integer: Write(m, i.Dst, r, c, v); break;
            case UnaryOp.Copy when i.Src.Format == i.Dst.Format && i.Src.ColumnStride == 1 && i.Dst.ColumnStride == 1: MoveBits(m, i, r, c); break;
            case UnaryOp.Negate when integer: Write(m, i.Dst, r, c, -v); break;
            case UnaryOp.Abs when integer: Write(m, i.Dst, r, c, v < 0 ? -v : v); break;
            case UnaryOp.Sign when integer: Write(m, i.Dst, r, c, v > 0 ? 1L : v < 0 ? -1L : 0L); break;
            case UnaryOp.Relu when integer: Write(m, i.Dst, r, c, v < 0 ? 0L : v); break;
            case UnaryOp.Not when integer: Write(m, i.Dst, r, c, v == 0 ? 1L : 0L); break;
            default: Write(m, i.Dst, r, c, Function(i.Op, Float(m, i.Src, r, c), i.Parameter)); break;
        }
    }

    private static void MoveBits(NaiveMachine m, VectorUnary i, long r, long c)
    {
        for (int b = 0; b < i.Src.Format.Size(); b++)
        {
            m.Write(i.Dst.Address.Space, m.At(i.Dst, r, c) + b, ElementType.U8, m.ReadInteger(i.Src.Address.Space, m.At(i.Src, r, c) + b, ElementType.U8));
        }
    }

    private static float Function(UnaryOp op, float x, float p) => op switch
    {
        UnaryOp.Copy => x,
        UnaryOp.Negate => -x,
        UnaryOp.Abs => MathF.Abs(x),
        UnaryOp.Sign => x > 0 ? 1 : x < 0 ? -1 : x,
        UnaryOp.Floor => MathF.Floor(x),
        UnaryOp.Ceil => MathF.Ceiling(x),
        UnaryOp.Round => MathF.Round(x),
        UnaryOp.Exp => Elementary.Exp(x),
        UnaryOp.Log => Elementary.Log(x),
        UnaryOp.Sqrt => MathF.Sqrt(x),
        UnaryOp.Rsqrt => 1 / MathF.Sqrt(x),
        UnaryOp.Reciprocal => 1 / x,
        UnaryOp.Erf => Elementary.Erf(x),
        UnaryOp.Tanh => Elementary.Tanh(x),
        UnaryOp.Sigmoid => Elementary.Sigmoid(x),
        UnaryOp.Silu => x * Elementary.Sigmoid(x),
        UnaryOp.GeluErf => x * 0.5f * (1 + Elementary.Erf(x * 0.70710678f)),
        UnaryOp.GeluTanh => x * 0.5f * (1 + Elementary.Tanh(0.7978846f * MathF.FusedMultiplyAdd(0.044715f, x * x * x, x))),
        UnaryOp.GeluQuick => x * Elementary.Sigmoid(x * 1.702f),
        UnaryOp.Sin => Elementary.Sin(x),
        UnaryOp.Cos => Elementary.Cos(x),
        UnaryOp.Relu => MathF.Max(x, 0),
        UnaryOp.SoftCap => p * Elementary.Tanh(x / p),
        UnaryOp.Not => x == 0 ? 1 : 0,
        UnaryOp.Scale => x * p,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };

    private static void Binary(NaiveMachine m, VectorBinary i, long r, long c)
    {
        if (NaiveMachine.IsInteger(i.A.Format) && NaiveMachine.IsInteger(i.B.Format))
        {
            (long a, long b) = (Integer(m, i.A, r, c), Integer(m, i.B, r, c));
            Write(m, i.Dst, r, c, i.Op switch
            {
                BinaryOp.Add => a + b,
                BinaryOp.Sub => a - b,
                BinaryOp.Mul => a * b,
                BinaryOp.Div => b == -1 ? -a : a / b,
                BinaryOp.Min => Math.Min(a, b),
                BinaryOp.Max => Math.Max(a, b),
                BinaryOp.Mod => (long)((((Int128)a % b) + b) % b),
                BinaryOp.Rem => b == -1 ? 0 : a % b,
                BinaryOp.And => a & b,
                BinaryOp.Or => a | b,
                BinaryOp.Xor => a ^ b,
                _ => Compare(i.Op, a.CompareTo(b), unordered: false) ? 1L : 0L,
            });
            return;
        }
        (float x, float y) = (Float(m, i.A, r, c), Float(m, i.B, r, c));
        Write(m, i.Dst, r, c, i.Op switch
        {
            BinaryOp.Add => x + y,
            BinaryOp.Sub => x - y,
            BinaryOp.Mul => x * y,
            BinaryOp.Div => x / y,
            BinaryOp.Min => MathF.Min(x, y),
            BinaryOp.Max => MathF.Max(x, y),
            BinaryOp.Pow => Elementary.Pow(x, y),
            BinaryOp.Mod => x % y is var q && q != 0 && (q < 0) != (y < 0) ? q + y : q,
            BinaryOp.Rem => x % y,
            BinaryOp.And => x != 0 && y != 0 ? 1f : 0f,
            BinaryOp.Or => x != 0 || y != 0 ? 1f : 0f,
            BinaryOp.Xor => (x != 0) != (y != 0) ? 1f : 0f,
            _ => Compare(i.Op, x.CompareTo(y), float.IsNaN(x) || float.IsNaN(y)) ? 1f : 0f,
        });
    }

    private static bool Compare(BinaryOp op, int order, bool unordered) => op switch
    {
        BinaryOp.NotEqual => unordered || order != 0,
        BinaryOp.Equal => !unordered && order == 0,
        BinaryOp.Less => !unordered && order < 0,
        BinaryOp.LessOrEqual => !unordered && order <= 0,
        BinaryOp.Greater => !unordered && order > 0,
        BinaryOp.GreaterOrEqual => !unordered && order >= 0,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };

    private static void Reduce(NaiveMachine m, VectorReduce i, long r)
    {
        int columns = (int)m.Value(i.Columns);
        if (NaiveMachine.IsInteger(i.Src.Format))
        {
            long[] v = [.. Enumerable.Range(0, columns).Select(c => Integer(m, i.Src, r, c))];
            Write(m, i.Dst, r, 0, i.Op switch
            {
                ReduceOp.Sum => v.Aggregate(0L, (a, b) => a + b),
                ReduceOp.Mean => v.Aggregate(0L, (a, b) => a + b) / v.Length,
                ReduceOp.Product => v.Aggregate(1L, (a, b) => a * b),
                ReduceOp.SumSquares => v.Aggregate(0L, (a, b) => a + (b * b)),
                ReduceOp.SumAbs => v.Aggregate(0L, (a, b) => a + (b < 0 ? -b : b)),
                ReduceOp.Max => v.Aggregate(long.MinValue, Math.Max),
                ReduceOp.Min => v.Aggregate(long.MaxValue, Math.Min),
                ReduceOp.ArgMax => Array.IndexOf(v, v.DefaultIfEmpty().Max()) is var a && a < 0 ? 0 : a,
                _ => Array.IndexOf(v, v.DefaultIfEmpty().Min()) is var a && a < 0 ? 0 : a,
            });
            return;
        }
        float[] x = Row(m, i.Src, r, columns);
        if (i.Op is ReduceOp.ArgMax or ReduceOp.ArgMin)
        {
            float extreme = i.Op == ReduceOp.ArgMax ? x.Aggregate(float.NegativeInfinity, MathF.Max) : x.Aggregate(float.PositiveInfinity, MathF.Min);
            int index = Array.FindIndex(x, v => float.IsNaN(extreme) ? float.IsNaN(v) : v == extreme);
            Write(m, i.Dst, r, 0, (long)Math.Max(index, 0));
            return;
        }
        Write(m, i.Dst, r, 0, i.Op switch
        {
            ReduceOp.Sum => Sum(x),
            ReduceOp.Mean => Sum(x) / columns,
            ReduceOp.Product => Lanes(x, v => v, (a, b) => a * b, 1),
            ReduceOp.SumSquares => Sum(x, v => v * v),
            ReduceOp.SumAbs => Sum(x, MathF.Abs),
            ReduceOp.Max => x.Aggregate(float.NegativeInfinity, MathF.Max),
            _ => x.Aggregate(float.PositiveInfinity, MathF.Min),
        });
    }

    private static void Scan(NaiveMachine m, VectorScan i, long r)
    {
        long columns = m.Value(i.Columns), integer = 0;
        float real = 0;
        for (long n = 0; n < columns; n++)
        {
            long c = i.Reverse ? columns - 1 - n : n;
            if (NaiveMachine.IsInteger(i.Src.Format))
            {
                long before = integer;
                integer += Integer(m, i.Src, r, c);
                Write(m, i.Dst, r, c, i.Exclusive ? before : integer);
            }
            else
            {
                float before = real;
                real += Float(m, i.Src, r, c);
                Write(m, i.Dst, r, c, i.Exclusive ? before : real);
            }
        }
    }

    private static void TopK(NaiveMachine m, VectorTopK i, long r)
    {
        int columns = (int)m.Value(i.Columns), count = (int)m.Value(i.Count);
        bool integer = NaiveMachine.IsInteger(i.Src.Format);
        IEnumerable<int> all = Enumerable.Range(0, columns);
        // OrderBy is stable, and NaN is below every number in the order of floats.
        int[] order = integer
            ? [.. i.Largest ? all.OrderByDescending(c => Integer(m, i.Src, r, c)) : all.OrderBy(c => Integer(m, i.Src, r, c))]
            : [.. i.Largest ? all.OrderBy(c => -Float(m, i.Src, r, c)) : all.OrderBy(c => Float(m, i.Src, r, c))];
        for (int j = 0; j < count; j++)
        {
            if (integer)
            {
                Write(m, i.Dst, r, j, Integer(m, i.Src, r, order[j]));
            }
            else
            {
                Write(m, i.Dst, r, j, Float(m, i.Src, r, order[j]));
            }
            Write(m, i.Result, r, j, (long)order[j]);
        }
    }

    private static void Norm(NaiveMachine m, VectorNorm i, long r)
    {
        int columns = (int)m.Value(i.Columns);
        float[] x = Row(m, i.Src, r, columns);
        float mean = i.Kind == NormKind.Layer ? Sum(x) / columns : 0;
        float squares = Sum(x, v => (v - mean) * (v - mean));
        float factor = 1 / MathF.Sqrt((squares / columns) + i.Epsilon);
        for (int c = 0; c < columns; c++)
        {
            float y = (x[c] - mean) * factor;
            float scale = m.ReadFloat(MemorySpace.Asp, m.At(i.Scale) + (c * i.ScaleFormat.Size()), i.ScaleFormat);
            Write(m, i.Dst, r, c, i.HasShift ? MathF.FusedMultiplyAdd(y, scale, m.ReadFloat(MemorySpace.Asp, m.At(i.Shift) + (c * i.ShiftFormat.Size()), i.ShiftFormat)) : y * scale);
        }
    }

    private static void Rope(NaiveMachine m, VectorRope i, long r)
    {
        int half = i.RotaryDim / 2;
        float[] x = Row(m, i.Src, r, i.Heads * i.HeadDim);
        for (int c = 0; c < x.Length; c++)
        {
            int d = c % i.HeadDim, head = c - d;
            if (d >= i.RotaryDim)
            {
                Write(m, i.Dst, r, c, x[c]);
                continue;
            }
            bool interleaved = i.Kind == RopeKind.Interleaved;
            int j = interleaved ? d / 2 : d % half;
            bool second = interleaved ? d % 2 == 1 : d >= half;
            (int p, int q) = interleaved ? (head + (2 * j), head + (2 * j) + 1) : (head + j, head + j + half);
            float cos = m.ReadFloat(MemorySpace.Asp, m.At(i.Cos) + (r * m.Value(i.TableRowStride)) + (j * i.TableFormat.Size()), i.TableFormat);
            float sin = m.ReadFloat(MemorySpace.Asp, m.At(i.Sin) + (r * m.Value(i.TableRowStride)) + (j * i.TableFormat.Size()), i.TableFormat);
            Write(m, i.Dst, r, c, second ? MathF.FusedMultiplyAdd(x[q], cos, x[p] * sin) : MathF.FusedMultiplyAdd(x[p], cos, -(x[q] * sin)));
        }
    }

    private static void Softmax(NaiveMachine m, VectorSoftmax i, long r)
    {
        float[] x = Row(m, i.Src, r, m.Value(i.Columns));
        float max = x.Aggregate(float.NegativeInfinity, MathF.Max);
        float[] e = [.. x.Select(v => Elementary.Exp(v - max))];
        float sum = Sum(e);
        for (int c = 0; c < x.Length; c++)
        {
            Write(m, i.Dst, r, c, e[c] / sum);
        }
    }

    private static void Online(NaiveMachine m, OnlineSoftmax i, long r)
    {
        long columns = m.Value(i.Columns), q = r % m.Value(i.QueryRows), at = m.At(i.State) + (r * m.Value(i.StateRowStride));
        long lo = Math.Max(0, m.Registers[i.LowLimit.Index] + (i.Slope * q)), hi = Math.Min(columns, m.Registers[i.HighLimit.Index] + (i.Slope * q));
        float old = i.Mode == AccumulateMode.Init ? float.NegativeInfinity : m.ReadFloat(MemorySpace.Asp, at, ElementType.F32);
        float l = i.Mode == AccumulateMode.Init ? 0 : m.ReadFloat(MemorySpace.Asp, at + 4, ElementType.F32);
        float[] x = [.. Row(m, i.Scores, r, columns).Select(v => v * i.Scale)];
        float max = old;
        for (long c = lo; c < hi; c++)
        {
            max = MathF.Max(max, x[c]);
        }
        float f = old == max ? 1 : Elementary.Exp(old - max);
        float[] p = [.. x.Select((v, c) => c >= lo && c < hi && max != float.NegativeInfinity ? Elementary.Exp(v - max) : 0)];
        m.Write(MemorySpace.Asp, at, ElementType.F32, max);
        m.Write(MemorySpace.Asp, at + 4, ElementType.F32, MathF.FusedMultiplyAdd(l, f, Sum(p)));
        m.Write(MemorySpace.Asp, at + 8, ElementType.F32, f);
        for (int c = 0; c < columns; c++)
        {
            Write(m, i.Dst, r, c, p[c]);
        }
    }
}
