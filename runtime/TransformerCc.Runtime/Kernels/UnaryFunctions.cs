using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>Every <see cref="UnaryOp"/> on a row of f32, and those that integers have on 64-bit integers.</summary>
/// <remarks>
/// Compositions round after every step, in the order written. Source and result may be the same memory. A NaN result
/// becomes canonical when it is written to memory.
/// </remarks>
internal static class UnaryFunctions
{
    /// <summary>1/√2 and √(2/π), rounded to f32.</summary>
    private const float InverseSqrt2 = 0.70710678118654752f, SqrtTwoOverPi = 0.79788456080286536f;

    private const float GeluCubic = 0.044715f, GeluQuickSlope = 1.702f;

    /// <param name="scratch">As long as <paramref name="x"/>, different memory from both others.</param>
    public static void Apply(UnaryOp op, ReadOnlySpan<float> x, Span<float> result, Span<float> scratch, float parameter)
    {
        switch (op)
        {
            case UnaryOp.Copy: x.CopyTo(result); break;
            case UnaryOp.Negate: VectorLoops.Map<NegateLanes>(x, result); break;
            case UnaryOp.Abs: VectorLoops.Map<AbsLanes>(x, result); break;
            case UnaryOp.Floor: VectorLoops.Map<FloorLanes>(x, result); break;
            case UnaryOp.Ceil: VectorLoops.Map<CeilingLanes>(x, result); break;
            case UnaryOp.Sqrt: VectorLoops.Map<SqrtLanes>(x, result); break;
            case UnaryOp.Rsqrt: VectorLoops.Map<RsqrtLanes>(x, result); break;
            case UnaryOp.Reciprocal: VectorLoops.Map<ReciprocalLanes>(x, result); break;
            case UnaryOp.Relu: VectorLoops.Map<ReluLanes>(x, result); break;
            case UnaryOp.Exp: Elementary.Exp(x, result); break;
            case UnaryOp.Log: Elementary.Log(x, result); break;
            case UnaryOp.Erf: Elementary.Erf(x, result); break;
            case UnaryOp.Tanh: Elementary.Tanh(x, result); break;
            case UnaryOp.Sigmoid: Elementary.Sigmoid(x, result); break;
            case UnaryOp.Sin: Elementary.Sin(x, result); break;
            case UnaryOp.Cos: Elementary.Cos(x, result); break;
            case UnaryOp.Silu:
                Elementary.Sigmoid(x, scratch);
                VectorLoops.Map<MultiplyLanes>(x, scratch, result);
                break;
            case UnaryOp.GeluErf:
                VectorLoops.Map(x, scratch, new ScaleLanes(InverseSqrt2));
                Elementary.Erf(scratch, scratch);
                VectorLoops.Map<HalfTimesOnePlusLanes>(x, scratch, result);
                break;
            case UnaryOp.GeluTanh:
                VectorLoops.Map(x, scratch, new CubicLanes(SqrtTwoOverPi, GeluCubic));
                Elementary.Tanh(scratch, scratch);
                VectorLoops.Map<HalfTimesOnePlusLanes>(x, scratch, result);
                break;
            case UnaryOp.GeluQuick:
                VectorLoops.Map(x, scratch, new ScaleLanes(GeluQuickSlope));
                Elementary.Sigmoid(scratch, scratch);
                VectorLoops.Map<MultiplyLanes>(x, scratch, result);
                break;
            case UnaryOp.Scale: VectorLoops.Map(x, result, new ScaleLanes(parameter)); break;
            case UnaryOp.SoftCap:
                VectorLoops.Map(x, scratch, new DivideByLanes(parameter));
                Elementary.Tanh(scratch, scratch);
                VectorLoops.Map(scratch, result, new ScaleLanes(parameter));
                break;
            case UnaryOp.Round:
                for (int i = 0; i < x.Length; i++)
                {
                    result[i] = MathF.Round(x[i], MidpointRounding.ToEven);
                }
                break;
            case UnaryOp.Sign:
                for (int i = 0; i < x.Length; i++)
                {
                    result[i] = x[i] > 0 ? 1 : x[i] < 0 ? -1 : x[i];
                }
                break;
            case UnaryOp.Not:
                for (int i = 0; i < x.Length; i++)
                {
                    result[i] = x[i] == 0 ? 1 : 0;
                }
                break;
            default: throw Illegal(op);
        }
    }

    /// <summary>Operations that stay in 64-bit integers when the source format is an integer or bool.</summary>
    public static bool IsIntegerOp(UnaryOp op) => op is UnaryOp.Copy or UnaryOp.Negate or UnaryOp.Abs or UnaryOp.Sign or UnaryOp.Floor or UnaryOp.Ceil or UnaryOp.Round or UnaryOp.Relu or UnaryOp.Not;

    public static void Apply(UnaryOp op, Span<long> x)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = op switch
            {
                UnaryOp.Negate => unchecked(-x[i]),
                UnaryOp.Abs => x[i] < 0 ? unchecked(-x[i]) : x[i],
                UnaryOp.Sign => long.Sign(x[i]),
                UnaryOp.Relu => long.Max(x[i], 0),
                UnaryOp.Not => x[i] == 0 ? 1 : 0,
                _ => x[i],
            };
        }
    }

    private static TrapSignal Illegal(UnaryOp op) => new(TrapKind.IllegalInstruction, FormattableString.Invariant($"unary operation {(byte)op}"));
}
