using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>64-bit integer arithmetic that wraps, and traps only on a zero divisor.</summary>
internal static class IntegerMath
{
    /// <summary>Rounds towards zero. −2⁶³ / −1 wraps to −2⁶³.</summary>
    public static long Divide(long a, long b) => b switch
    {
        0 => throw DivisionByZero(),
        -1 => unchecked(-a),
        _ => a / b,
    };

    /// <summary>Sign of the dividend.</summary>
    public static long Remainder(long a, long b) => b switch
    {
        0 => throw DivisionByZero(),
        -1 => 0,
        _ => a % b,
    };

    public static long FloorDivide(long a, long b)
    {
        long q = Divide(a, b);
        return Remainder(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
    }

    public static long CeilDivide(long a, long b)
    {
        long q = Divide(a, b);
        return Remainder(a, b) != 0 && (a < 0) == (b < 0) ? q + 1 : q;
    }

    /// <summary>Sign of the divisor.</summary>
    public static long FloorModulo(long a, long b)
    {
        long r = Remainder(a, b);
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }

    /// <summary>a to the b, wrapping; a negative exponent rounds the exact value towards zero.</summary>
    public static long Power(long a, long b)
    {
        if (b < 0)
        {
            return a switch
            {
                0 => throw DivisionByZero(),
                1 => 1,
                -1 => (b & 1) == 0 ? 1 : -1,
                _ => 0,
            };
        }
        long result = 1;
        for (long factor = a, e = b; e != 0; e >>= 1)
        {
            result = (e & 1) != 0 ? unchecked(result * factor) : result;
            factor = unchecked(factor * factor);
        }
        return result;
    }

    private static TrapSignal DivisionByZero() => new(TrapKind.DivisionByZero, "integer division by zero");
}
