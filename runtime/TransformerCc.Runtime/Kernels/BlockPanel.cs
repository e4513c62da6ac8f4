using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TransformerCc.Isa.Quantization;

namespace TransformerCc.Runtime.Kernels;

/// <summary>
/// Codes, scales and minimums of a panel of blocks as rows of f32. In a panel the same byte of neighbouring columns' blocks
/// stand side by side, so one declaration of bit fields decodes a row of columns at once. Everything here is exact
/// integer work or one rounded product per lane: the width of vectors never shows.
/// </summary>
internal readonly unsafe struct BlockPanel(BlockFormat format, byte* panel, long rowStride)
{
    /// <summary>Columns that are decoded together: the bytes of one 128-bit vector.</summary>
    private const int Lanes = 16;

    /// <summary>The codes of rows k0 … k0 + depth and columns n0 … n0 + columns, <paramref name="width"/> floats a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Codes(int k0, int depth, int n0, int columns, float* codes, int width)
    {
        BlockCodes layout = format.Codes;
        Vector128<byte> table = Table(layout.Levels.AsSpan()), flip = Vector128.Create(layout.Flip);
        bool hasTable = !layout.Levels.IsEmpty, hasZeros = layout.ZeroByte is not null;
        var fixedOffset = Vector128.Create((byte)layout.FixedOffset);
        (int b, int element) = int.DivRem(k0, format.BlockLength);
        byte* block = Block(b, n0);
        for (int k = 0; k < depth; k++, element++, codes += width)
        {
            if (element == format.BlockLength)
            {
                element = 0;
                block = Block(++b, n0);
            }
            var bits = new FieldRow(layout.Fields(element), block, rowStride);
            byte* zeros = block + (layout.ZeroByte.GetValueOrDefault() * rowStride);
            int n = 0;
            for (; n <= columns - Lanes; n += Lanes)
            {
                Vector128<byte> levels = hasTable ? Vector128.Shuffle(table, bits.Load(n)) : bits.Load(n) ^ flip;
                StoreDifference(levels, hasZeros ? Vector128.Load(zeros + n) : fixedOffset, codes + n);
            }
            for (; n < columns; n++)
            {
                int level = hasTable ? table[bits.One(n)] : bits.One(n) ^ layout.Flip;
                codes[n] = level - (hasZeros ? zeros[n] : layout.FixedOffset);
            }
        }
    }

    /// <summary>The scales, or the minimums, of the groups of rows k0 … k0 + depth; k0 starts a block. Each is multiplied by <paramref name="sign"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Scales(BlockScale layout, float sign, int k0, int depth, int n0, int columns, float* scales, int width)
    {
        float* super = stackalloc float[columns];
        int groupsOfBlock = format.BlockLength / format.GroupSize, groups = ((depth - 1) / format.GroupSize) + 1;
        for (int g = 0; g < groups; g++, scales += width)
        {
            (int b, int group) = int.DivRem(g, groupsOfBlock);
            byte* block = Block((k0 / format.BlockLength) + b, n0);
            if (group == 0 || layout.IsSuperPerGroup)
            {
                Supers(layout, block, group, columns, super);
            }
            if (!layout.HasSubScales)
            {
                for (int n = 0; n < columns; n++)
                {
                    scales[n] = super[n] * layout.Factor * sign;
                }
                continue;
            }
            Multiply(layout, new FieldRow(layout.SubFields(group), block, rowStride), super, sign, scales, columns);
        }
    }

    private byte* Block(int block, int column) => panel + ((long)block * format.BlockBytes * rowStride) + column;

    private static Vector128<byte> Table(ReadOnlySpan<byte> levels)
    {
        Span<byte> entries = stackalloc byte[Lanes];
        levels.CopyTo(entries);
        return Vector128.Create<byte>(entries);
    }

    /// <summary>level − offset of 16 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreDifference(Vector128<byte> levels, Vector128<byte> offsets, float* codes)
    {
        if (Avx512F.IsSupported)
        {
            Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(levels) - Avx512F.ConvertToVector512Int32(offsets)).Store(codes);
            return;
        }
        (Vector128<ushort> level0, Vector128<ushort> level8) = Vector128.Widen(levels);
        (Vector128<ushort> offset0, Vector128<ushort> offset8) = Vector128.Widen(offsets);
        (Vector128<int> d0, Vector128<int> d4) = Vector128.Widen(level0.AsInt16() - offset0.AsInt16());
        (Vector128<int> d8, Vector128<int> d12) = Vector128.Widen(level8.AsInt16() - offset8.AsInt16());
        Vector128.ConvertToSingle(d0).Store(codes);
        Vector128.ConvertToSingle(d4).Store(codes + 4);
        Vector128.ConvertToSingle(d8).Store(codes + 8);
        Vector128.ConvertToSingle(d12).Store(codes + 12);
    }

    private void Supers(BlockScale layout, byte* block, int group, int columns, float* super)
    {
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        (int first, int count) = layout.SuperBytes(group).GetOffsetAndLength(format.BlockBytes);
        int n = 0;
        if (layout.Kind == SuperScaleKind.F16 && Avx2.IsSupported)
        {
            byte* low = block + (first * rowStride), high = low + rowStride;
            for (; n <= columns - 8; n += 8)
            {
                FromF16(Avx2.ConvertToVector256Int32(low + n) | (Avx2.ConvertToVector256Int32(high + n) << 8)).Store(super + n);
            }
        }
        for (; n < columns; n++)
        {
            for (int j = 0; j < count; j++)
            {
                bytes[j] = block[((first + j) * rowStride) + n];
            }
            super[n] = layout.Super(bytes);
        }
    }

    /// <summary>Exact: the bits as those of an f32 whose exponent is 112 too small. NaN becomes a NaN.</summary>
    private static Vector256<float> FromF16(Vector256<int> bits)
    {
        const int Infinity = 0x7C00;
        Vector256<int> magnitude = bits & Vector256.Create(0x7FFF), sign = (bits & Vector256.Create(0x8000)) << 16;
        Vector256<int> finite = (Vector256.AsSingle(magnitude << 13) * Vector256.Create(BitConverter.Int32BitsToSingle((127 + 112) << 23))).AsInt32();
        Vector256<int> special = (magnitude << 13) | Vector256.Create(0x7F80_0000);
        return (Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(Infinity)), finite, special) | sign).AsSingle();
    }

    /// <summary>super · (multiplier · s + addend) · factor; the sign is a factor too.</summary>
    private static void Multiply(BlockScale layout, FieldRow bits, float* super, float sign, float* scales, int columns)
    {
        int n = 0;
        for (var flip = Vector128.Create(layout.Flip); n <= columns - Lanes; n += Lanes)
        {
            StoreDifference(bits.Load(n) ^ flip, default, scales + n);
        }
        for (; n < columns; n++)
        {
            scales[n] = bits.One(n) ^ layout.Flip;
        }
        Vector256<float> multiplier = Vector256.Create((float)layout.Multiplier), addend = Vector256.Create((float)layout.Addend), factor = Vector256.Create(layout.Factor * sign);
        for (n = 0; n <= columns - 8; n += 8)
        {
            (Vector256.Load(super + n) * ((Vector256.Load(scales + n) * multiplier) + addend) * factor).Store(scales + n);
        }
        for (; n < columns; n++)
        {
            scales[n] = super[n] * ((scales[n] * layout.Multiplier) + layout.Addend) * (layout.Factor * sign);
        }
    }

    /// <summary>The bits of one or two fields, put together, of every column.</summary>
    private readonly struct FieldRow
    {
        private readonly byte* _low, _high;
        private readonly BitField _lowField, _highField;
        private readonly Vector128<byte> _lowMask, _highMask;

        public FieldRow(ReadOnlySpan<BitField> fields, byte* block, long rowStride)
        {
            _lowField = fields[0];
            _highField = fields.Length > 1 ? fields[1] : default;
            _low = block + (_lowField.Byte * rowStride);
            _high = block + (_highField.Byte * rowStride);
            (_lowMask, _highMask) = (Vector128.Create((byte)_lowField.Mask), Vector128.Create((byte)_highField.Mask));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<byte> Load(int column)
        {
            // Shifts cross bytes; the masks remove what came from the neighbour.
            Vector128<byte> low = (Vector128.Load(_low + column).AsUInt16() >> _lowField.Shift).AsByte() & _lowMask;
            return _highField.Width == 0 ? low
                : low | (((Vector128.Load(_high + column).AsUInt16() >> _highField.Shift).AsByte() & _highMask).AsUInt16() << _lowField.Width).AsByte();
        }

        public int One(int column) => ((_low[column] >> _lowField.Shift) & _lowField.Mask) | (((_high[column] >> _highField.Shift) & _highField.Mask) << _lowField.Width);
    }
}
