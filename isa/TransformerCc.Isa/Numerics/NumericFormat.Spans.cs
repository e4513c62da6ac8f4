using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Numerics;

/// <summary>Rows of elements to and from the two formats that engines compute in: f32 and 64-bit integers.</summary>
public static partial class NumericFormat
{
    /// <summary>Reads elements of any format as f32: integers round to nearest even, bool gives 0 or 1. F32 bits pass unchanged.</summary>
    public static void WidenToF32(ElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        source = Bytes(type, source, destination.Length);
        switch (type)
        {
            case ElementType.F32: MemoryMarshal.Cast<byte, float>(source).CopyTo(destination); break;
            case ElementType.BF16: WidenBF16(Cast<ushort>(source), destination); break;
            case ElementType.F16: WidenF16(Cast<ushort>(source), destination); break;
            case ElementType.F8E4M3: Map(source, destination, FromF8E4M3); break;
            case ElementType.F8E5M2: Map(source, destination, FromF8E5M2); break;
            case ElementType.F64: Map(Cast<double>(source), destination, FromF64); break;
            case ElementType.I8: Map(Cast<sbyte>(source), destination, static x => x); break;
            case ElementType.U8: Map(source, destination, static x => x); break;
            case ElementType.I16: Map(Cast<short>(source), destination, static x => x); break;
            case ElementType.U16: Map(Cast<ushort>(source), destination, static x => x); break;
            case ElementType.I32: Map(Cast<int>(source), destination, static x => (float)(double)x); break;
            case ElementType.U32: Map(Cast<uint>(source), destination, static x => (float)(double)x); break;
            case ElementType.I64: Map(Cast<long>(source), destination, FromInt64); break;
            case ElementType.U64: Map(Cast<ulong>(source), destination, FromUInt64); break;
            case ElementType.Bool: Map(source, destination, static x => x != 0 ? 1f : 0f); break;
            case ElementType.I4 or ElementType.U4 or ElementType.I2 or ElementType.U2: Map(source, destination, x => (float)FromSubByte(type, x)); break;
            case ElementType.F4E2M1: Map(source, destination, SmallFloat.FromE2M1); break;
            case ElementType.F8E4M3FNUZ: Map(source, destination, SmallFloat.FromE4M3Fnuz); break;
            case ElementType.F8E5M2FNUZ: Map(source, destination, SmallFloat.FromE5M2Fnuz); break;
            case ElementType.F8E8M0: Map(source, destination, SmallFloat.FromE8M0); break;
            default: throw Unknown(type);
        }
    }

    /// <summary>
    /// Writes f32 values in any format: floats round to nearest even, integers truncate towards zero and saturate with NaN
    /// giving 0 (those narrower than a byte wrap), bool is x ≠ 0 (NaN is true). Every NaN is written canonical, in f32 too.
    /// </summary>
    public static void NarrowFromF32(ElementType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        destination = Bytes(type, destination, source.Length);
        switch (type)
        {
            case ElementType.F32:
                Span<float> f32 = MemoryMarshal.Cast<byte, float>(destination);
                source.CopyTo(f32);
                FloatBits.Canonicalize(f32);
                break;
            case ElementType.BF16: NarrowBF16(source, Cast<ushort>(destination)); break;
            case ElementType.F16: Map(source, Cast<ushort>(destination), ToF16); break;
            case ElementType.F8E4M3: Map(source, destination, ToF8E4M3); break;
            case ElementType.F8E5M2: Map(source, destination, ToF8E5M2); break;
            case ElementType.F64: Map(source, Cast<double>(destination), ToF64); break;
            case ElementType.I8: Map(source, Cast<sbyte>(destination), SaturateTo<sbyte>); break;
            case ElementType.U8: Map(source, destination, SaturateTo<byte>); break;
            case ElementType.I16: Map(source, Cast<short>(destination), SaturateTo<short>); break;
            case ElementType.U16: Map(source, Cast<ushort>(destination), SaturateTo<ushort>); break;
            case ElementType.I32: Map(source, Cast<int>(destination), SaturateTo<int>); break;
            case ElementType.U32: Map(source, Cast<uint>(destination), SaturateTo<uint>); break;
            case ElementType.I64: Map(source, Cast<long>(destination), SaturateTo<long>); break;
            case ElementType.U64: Map(source, Cast<ulong>(destination), SaturateTo<ulong>); break;
            case ElementType.Bool: Map(source, destination, static x => (byte)(x != 0 ? 1 : 0)); break;
            case ElementType.I4 or ElementType.U4 or ElementType.I2 or ElementType.U2: Map(source, destination, x => ToSubByte(type, ToInt64(x))); break;
            case ElementType.F4E2M1: Map(source, destination, SmallFloat.ToE2M1); break;
            case ElementType.F8E4M3FNUZ: Map(source, destination, SmallFloat.ToE4M3Fnuz); break;
            case ElementType.F8E5M2FNUZ: Map(source, destination, SmallFloat.ToE5M2Fnuz); break;
            case ElementType.F8E8M0: Map(source, destination, SmallFloat.ToE8M0); break;
            default: throw Unknown(type);
        }
    }

    /// <summary>Reads elements as 64-bit integers: u64 keeps its bits, bool gives 0 or 1, floats truncate and saturate.</summary>
    public static void WidenToInt64(ElementType type, ReadOnlySpan<byte> source, Span<long> destination)
    {
        source = Bytes(type, source, destination.Length);
        switch (type)
        {
            case ElementType.I8: Map(Cast<sbyte>(source), destination, static x => x); break;
            case ElementType.U8: Map(source, destination, static x => x); break;
            case ElementType.I16: Map(Cast<short>(source), destination, static x => x); break;
            case ElementType.U16: Map(Cast<ushort>(source), destination, static x => x); break;
            case ElementType.I32: Map(Cast<int>(source), destination, static x => x); break;
            case ElementType.U32: Map(Cast<uint>(source), destination, static x => x); break;
            case ElementType.I64 or ElementType.U64: Cast<long>(source).CopyTo(destination); break;
            case ElementType.Bool: Map(source, destination, static x => x != 0 ? 1L : 0L); break;
            case ElementType.F64: Map(Cast<double>(source), destination, ToInt64); break;
            case ElementType.F32: Map(Cast<float>(source), destination, static x => ToInt64(x)); break;
            case ElementType.BF16: Map(Cast<ushort>(source), destination, static x => ToInt64(FromBF16(x))); break;
            case ElementType.F16: Map(Cast<ushort>(source), destination, static x => ToInt64(FromF16(x))); break;
            case ElementType.F8E4M3: Map(source, destination, static x => ToInt64(FromF8E4M3(x))); break;
            case ElementType.F8E5M2: Map(source, destination, static x => ToInt64(FromF8E5M2(x))); break;
            case ElementType.I4 or ElementType.U4 or ElementType.I2 or ElementType.U2: Map(source, destination, x => FromSubByte(type, x)); break;
            case ElementType.F4E2M1: Map(source, destination, static x => ToInt64(SmallFloat.FromE2M1(x))); break;
            case ElementType.F8E4M3FNUZ: Map(source, destination, static x => ToInt64(SmallFloat.FromE4M3Fnuz(x))); break;
            case ElementType.F8E5M2FNUZ: Map(source, destination, static x => ToInt64(SmallFloat.FromE5M2Fnuz(x))); break;
            case ElementType.F8E8M0: Map(source, destination, static x => ToInt64(SmallFloat.FromE8M0(x))); break;
            default: throw Unknown(type);
        }
    }

    /// <summary>
    /// Writes 64-bit integers: modulo the width of integer formats, bool is x ≠ 0, f64 and f32 round once, the narrower
    /// floats round from f32.
    /// </summary>
    public static void NarrowFromInt64(ElementType type, ReadOnlySpan<long> source, Span<byte> destination)
    {
        destination = Bytes(type, destination, source.Length);
        switch (type)
        {
            case ElementType.I8 or ElementType.U8: Map(source, destination, static x => unchecked((byte)x)); break;
            case ElementType.I16 or ElementType.U16: Map(source, Cast<ushort>(destination), static x => unchecked((ushort)x)); break;
            case ElementType.I32 or ElementType.U32: Map(source, Cast<uint>(destination), static x => unchecked((uint)x)); break;
            case ElementType.I64 or ElementType.U64: source.CopyTo(Cast<long>(destination)); break;
            case ElementType.Bool: Map(source, destination, static x => (byte)(x != 0 ? 1 : 0)); break;
            case ElementType.F64: Map(source, Cast<double>(destination), static x => x); break;
            case ElementType.F32: Map(source, Cast<float>(destination), FromInt64); break;
            case ElementType.BF16: Map(source, Cast<ushort>(destination), static x => ToBF16(FromInt64(x))); break;
            case ElementType.F16: Map(source, Cast<ushort>(destination), static x => ToF16(FromInt64(x))); break;
            case ElementType.F8E4M3: Map(source, destination, static x => ToF8E4M3(FromInt64(x))); break;
            case ElementType.F8E5M2: Map(source, destination, static x => ToF8E5M2(FromInt64(x))); break;
            case ElementType.I4 or ElementType.U4 or ElementType.I2 or ElementType.U2: Map(source, destination, x => ToSubByte(type, x)); break;
            case ElementType.F4E2M1: Map(source, destination, static x => SmallFloat.ToE2M1(FromInt64(x))); break;
            case ElementType.F8E4M3FNUZ: Map(source, destination, static x => SmallFloat.ToE4M3Fnuz(FromInt64(x))); break;
            case ElementType.F8E5M2FNUZ: Map(source, destination, static x => SmallFloat.ToE5M2Fnuz(FromInt64(x))); break;
            case ElementType.F8E8M0: Map(source, destination, static x => SmallFloat.ToE8M0(FromInt64(x))); break;
            default: throw Unknown(type);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBF16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        for (; i <= source.Length - 32; i += 32)
        {
            (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.Create(source[i..]));
            FloatBits.Canonical((low << 16).AsSingle()).CopyTo(destination[i..]);
            FloatBits.Canonical((high << 16).AsSingle()).CopyTo(destination[(i + 16)..]);
        }
        for (; i < source.Length; i++)
        {
            destination[i] = FromBF16(source[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenF16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        for (; i <= source.Length - 32; i += 32)
        {
            (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.Create(source[i..]));
            Widen(low).CopyTo(destination[i..]);
            Widen(high).CopyTo(destination[(i + 16)..]);
        }
        for (; i < source.Length; i++)
        {
            destination[i] = FromF16(source[i]);
        }

        // Exponent and fraction moved to their places are 2^-112 times the value, denormals too; only infinities and NaN
        // need the exponent of f32.
        static Vector512<float> Widen(Vector512<uint> half)
        {
            Vector512<uint> magnitude = (half & Vector512.Create(0x7FFFu)) << 13, sign = (half & Vector512.Create(0x8000u)) << 16;
            Vector512<uint> finite = (magnitude.AsSingle() * Vector512.Create(BitConverter.UInt32BitsToSingle((127 + 112) << 23))).AsUInt32();
            Vector512<uint> value = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x7C00u << 13)), magnitude | Vector512.Create(0x7F800000u), finite);
            return FloatBits.Canonical((value | sign).AsSingle());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NarrowBF16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        int i = 0;
        for (; i <= source.Length - 32; i += 32)
        {
            Vector512.Narrow(RoundBF16(Vector512.Create(source[i..])), RoundBF16(Vector512.Create(source[(i + 16)..]))).CopyTo(destination[i..]);
        }
        for (; i < source.Length; i++)
        {
            destination[i] = ToBF16(source[i]);
        }

        static Vector512<uint> RoundBF16(Vector512<float> x)
        {
            Vector512<uint> bits = x.AsUInt32();
            Vector512<uint> rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512.Create(1u))) >> 16;
            return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, Vector512.Create((uint)CanonicalBF16));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Map<TIn, TOut>(ReadOnlySpan<TIn> source, Span<TOut> destination, Func<TIn, TOut> convert)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = convert(source[i]);
        }
    }

    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> bytes) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static Span<T> Cast<T>(Span<byte> bytes) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static ReadOnlySpan<byte> Bytes(ElementType type, ReadOnlySpan<byte> bytes, int count) => bytes[..checked(count * type.Size())];

    private static Span<byte> Bytes(ElementType type, Span<byte> bytes, int count) => bytes[..checked(count * type.Size())];

    private static ArgumentOutOfRangeException Unknown(ElementType type) => new(nameof(type), type, "not an element type");
}
