using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using TransformerCc.Isa.Numerics;

namespace TransformerCc.Isa.Quantization;

/// <summary>How a block stores the factor that its groups share.</summary>
public enum SuperScaleKind
{
    F16,
    F32,
    /// <summary>A power of two 2^(e − 128), in f32; e = 255 is no NaN here (ggml).</summary>
    HalvedE8M0,
    /// <summary>Half the value of an unsigned e4m3; 0x7F is 0 (ggml).</summary>
    HalvedE4M3,
}

/// <summary>
/// Where a block holds the scales (or minimums) of its groups: super-scale · (multiplier · sub-scale + addend) · factor,
/// each product rounded to f32. Without sub-scales the parenthesis is 1.
/// </summary>
public sealed class BlockScale
{
    private const float MaxF16 = 65504;

    private readonly int _offset, _stride;
    private readonly ImmutableArray<BitField>[] _subFields;

    /// <param name="groups">Groups of a block.</param>
    /// <param name="offset">First byte of the super-scale.</param>
    /// <param name="sub">The bit fields of each group's sub-scale; null where there is none.</param>
    /// <param name="stride">Bytes from one group's super-scale to the next; 0 where the block has one.</param>
    internal BlockScale(int groups, SuperScaleKind kind, int offset, Func<int, BitField[]>? sub = null, int multiplier = 1, int addend = 0, byte flip = 0, float factor = 1, int stride = 0)
    {
        (Kind, _offset, _stride) = (kind, offset, stride);
        (Multiplier, Addend, Flip, Factor) = (multiplier, addend, flip, factor);
        _subFields = sub is null ? [] : [.. Enumerable.Range(0, groups).Select(g => ImmutableArray.Create(sub(g)))];
    }

    public SuperScaleKind Kind { get; }

    public int Multiplier { get; }

    public int Addend { get; }

    /// <summary>Exclusive-or mask of the sub-scale's bits.</summary>
    public byte Flip { get; }

    /// <summary>A power of two, or its negative.</summary>
    public float Factor { get; }

    public bool HasSubScales => _subFields.Length > 0;

    /// <summary>Each group has a super-scale of its own.</summary>
    public bool IsSuperPerGroup => _stride > 0;

    /// <summary>Bytes of the super-scale of a group.</summary>
    public Range SuperBytes(int group)
    {
        int at = _offset + (group * _stride);
        return at..(at + (Kind switch { SuperScaleKind.F16 => 2, SuperScaleKind.F32 => 4, _ => 1 }));
    }

    /// <summary>Groups with a sub-scale of their own.</summary>
    internal int SubScales => _subFields.Length;

    public ReadOnlySpan<BitField> SubFields(int group) => _subFields[group].AsSpan();

    /// <summary>The value of a super-scale's bytes.</summary>
    public float Super(ReadOnlySpan<byte> bytes) => Kind switch
    {
        SuperScaleKind.F16 => NumericFormat.FromF16(BinaryPrimitives.ReadUInt16LittleEndian(bytes)),
        SuperScaleKind.F32 => FloatBits.Canonical(BinaryPrimitives.ReadSingleLittleEndian(bytes)),
        SuperScaleKind.HalvedE8M0 => BitConverter.UInt32BitsToSingle(bytes[0] < 2 ? 0x0020_0000u << bytes[0] : (uint)(bytes[0] - 1) << 23),
        _ => HalvedE4M3(bytes[0]),
    };

    /// <summary>The scale of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public float Of(ReadOnlySpan<byte> block, int group)
    {
        float super = Super(block[SuperBytes(group)]);
        return HasSubScales ? super * Sub(BitField.Read(block, SubFields(group))) * Factor : super * Factor;
    }

    /// <summary>A scale below zero can be written.</summary>
    internal bool CanBeNegative => Kind is SuperScaleKind.F16 or SuperScaleKind.F32 && (!HasSubScales || Addend < 0);

    /// <summary>Writes what is nearest to the scales wanted: one for each group that has its own, else one.</summary>
    internal void Write(Span<byte> block, ReadOnlySpan<float> scales)
    {
        if (!HasSubScales)
        {
            for (int g = 0; g < scales.Length; g++)
            {
                WriteSuper(block[SuperBytes(g)], scales[g] / Factor);
            }
            return;
        }
        float largest = 0f;
        foreach (float s in scales)
        {
            largest = float.Abs(s) > float.Abs(largest) ? s : largest;
        }
        int steps = (1 << BitsOf(SubFields(0))) - 1, furthest = Addend < 0 ? Addend : (Multiplier * steps) + Addend;
        WriteSuper(block[SuperBytes(0)], largest / Factor / furthest);
        float super = Super(block[SuperBytes(0)]);
        for (int g = 0; g < scales.Length; g++)
        {
            float sub = super == 0f ? 0f : ((scales[g] / Factor / super) - Addend) / Multiplier;
            BitField.Write(block, SubFields(g), (int)float.Clamp(float.Round(sub), 0, steps) ^ Flip);
        }
    }

    private void WriteSuper(Span<byte> bytes, float value)
    {
        switch (Kind)
        {
            case SuperScaleKind.F16: BinaryPrimitives.WriteUInt16LittleEndian(bytes, NumericFormat.ToF16(float.Clamp(value, -MaxF16, MaxF16))); break;
            case SuperScaleKind.F32: BinaryPrimitives.WriteSingleLittleEndian(bytes, value); break;
            default: bytes[0] = NearestByte(value); break;
        }
    }

    /// <summary>Of the codes of a byte that stand for a finite, positive value or zero, the nearest.</summary>
    private byte NearestByte(float value)
    {
        int nearest = 0, last = Kind == SuperScaleKind.HalvedE4M3 ? 0x7E : 0xFE;
        for (int code = 1; code <= last; code++)
        {
            nearest = float.Abs(Super([(byte)code]) - value) < float.Abs(Super([(byte)nearest]) - value) ? code : nearest;
        }
        return (byte)nearest;
    }

    private static int BitsOf(ReadOnlySpan<BitField> fields)
    {
        int bits = 0;
        foreach (BitField f in fields)
        {
            bits += f.Width;
        }
        return bits;
    }

    private float Sub(int bits) => (Multiplier * (bits ^ Flip)) + Addend;

    /// <summary>The sign bit is not looked at; exponent 15 is an ordinary one.</summary>
    private static float HalvedE4M3(byte bits)
    {
        int exponent = (bits >> 3) & 15, mantissa = bits & 7;
        return bits is 0 or 0x7F ? 0f
            : exponent == 0 ? mantissa * (1f / 1024)
            : BitConverter.UInt32BitsToSingle(((uint)(exponent - 8 + 127) << 23) | ((uint)mantissa << 20));
    }
}
