using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>The functions of one and two elements, in double and in 64-bit integers. An oracle: results are compared with tolerances.</summary>
public static class ScalarFunctions
{
    public static double Apply(UnaryOp function, double x, double parameter = 0) => function switch
    {
        UnaryOp.Copy => x,
        UnaryOp.Negate => -x,
        UnaryOp.Abs => Math.Abs(x),
        UnaryOp.Sign => double.IsNaN(x) ? x : Math.Sign(x),
        UnaryOp.Floor => Math.Floor(x),
        UnaryOp.Ceil => Math.Ceiling(x),
        UnaryOp.Round => Math.Round(x, MidpointRounding.ToEven),
        UnaryOp.Exp => Math.Exp(x),
        UnaryOp.Log => Math.Log(x),
        UnaryOp.Sqrt => Math.Sqrt(x),
        UnaryOp.Rsqrt => 1 / Math.Sqrt(x),
        UnaryOp.Reciprocal => 1 / x,
        UnaryOp.Erf => Erf(x),
        UnaryOp.Tanh => Math.Tanh(x),
        UnaryOp.Sigmoid => Sigmoid(x),
        UnaryOp.Silu => Weighted(x, Sigmoid(x)),
        UnaryOp.GeluErf => Weighted(x, 0.5 * (1 + Erf(x / Math.Sqrt(2)))),
        UnaryOp.GeluTanh => Weighted(x, 0.5 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
        UnaryOp.GeluQuick => Weighted(x, Sigmoid(1.702 * x)),
        UnaryOp.Sin => Math.Sin(x),
        UnaryOp.Cos => Math.Cos(x),
        UnaryOp.Relu => Math.Max(x, 0),
        UnaryOp.SoftCap => parameter * Math.Tanh(x / parameter),
        UnaryOp.Scale => x * parameter,
        UnaryOp.Not => x == 0 ? 1 : 0,
        _ => throw new ShapeException($"unknown function {function}"),
    };

    public static long Apply(UnaryOp function, long x) => function switch
    {
        UnaryOp.Negate => unchecked(-x),
        UnaryOp.Abs => x < 0 ? unchecked(-x) : x,
        UnaryOp.Sign => long.Sign(x),
        UnaryOp.Relu => long.Max(x, 0),
        UnaryOp.Not => x == 0 ? 1 : 0,
        UnaryOp.Copy or UnaryOp.Floor or UnaryOp.Ceil or UnaryOp.Round => x,
        _ => throw new ShapeException($"{function} is not a function of integers"),
    };

    public static double Apply(BinaryOp function, double a, double b) => function switch
    {
        BinaryOp.Add => a + b,
        BinaryOp.Sub => a - b,
        BinaryOp.Mul => a * b,
        BinaryOp.Div => a / b,
        BinaryOp.Min => Math.Min(a, b),
        BinaryOp.Max => Math.Max(a, b),
        BinaryOp.Pow => Math.Pow(a, b),
        BinaryOp.Mod => FloorMod(a, b),
        BinaryOp.Rem => a % b,
        _ => Truth(Compare(function, a, b)),
    };

    public static long Apply(BinaryOp function, long a, long b) => unchecked(function switch
    {
        BinaryOp.Add => a + b,
        BinaryOp.Sub => a - b,
        BinaryOp.Mul => a * b,
        BinaryOp.Div => b == -1 ? -a : a / NonZero(b),
        BinaryOp.Min => long.Min(a, b),
        BinaryOp.Max => long.Max(a, b),
        BinaryOp.Pow => Power(a, b),
        BinaryOp.Mod => b == -1 ? 0 : FloorMod(a, NonZero(b)),
        BinaryOp.Rem => b == -1 ? 0 : a % NonZero(b),
        BinaryOp.And => a & b,
        BinaryOp.Or => a | b,
        BinaryOp.Xor => a ^ b,
        _ => Truth(Compare(function, a, b)),
    });

    public static bool IsComparison(BinaryOp function) => function >= BinaryOp.Equal;

    public static bool IsLogical(BinaryOp function) => function is BinaryOp.And or BinaryOp.Or or BinaryOp.Xor;

    /// <summary>
    /// erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)); every term has the sign of x, so nothing cancels
    /// (Abramowitz and Stegun 7.1.6). Beyond 6 it is ±1 in double.
    /// </summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x) || Math.Abs(x) >= 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }
        double term = x, sum = x;
        for (int n = 1; Math.Abs(term) > Math.Abs(sum) * 1e-17; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>x·weight with the limit 0 at minus infinity, where the product would be ∞·0.</summary>
    private static double Weighted(double x, double weight) => double.IsNegativeInfinity(x) ? 0 : x * weight;

    private static bool Compare<T>(BinaryOp function, T a, T b) where T : System.Numerics.IComparisonOperators<T, T, bool> => function switch
    {
        BinaryOp.Equal => a == b,
        BinaryOp.NotEqual => a != b,
        BinaryOp.Less => a < b,
        BinaryOp.LessOrEqual => a <= b,
        BinaryOp.Greater => a > b,
        BinaryOp.GreaterOrEqual => a >= b,
        _ => throw new ShapeException($"unknown function {function}"),
    };

    private static byte Truth(bool value) => (byte)(value ? 1 : 0);

    private static long NonZero(long divisor) => divisor != 0 ? divisor : throw new ShapeException("integer division by zero");

    private static double FloorMod(double a, double b)
    {
        double r = a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }

    private static long FloorMod(long a, long b)
    {
        long r = a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }

    private static long Power(long a, long exponent)
    {
        if (exponent < 0)
        {
            return a switch { 1 => 1, -1 => exponent % 2 == 0 ? 1 : -1, 0 => throw new ShapeException("integer division by zero"), _ => 0 };
        }
        long result = 1;
        for (; exponent > 0; exponent >>= 1)
        {
            result = unchecked((exponent & 1) != 0 ? result * a : result);
            a = unchecked(a * a);
        }
        return result;
    }
}
