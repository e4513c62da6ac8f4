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
        byte* levels = stackalloc byte[LevelBytes(columns)], zeros = stackalloc byte[LevelBytes(columns)];
        bool hasZeros = layout.ZeroByte is not null;
        (int b, int element) = int.DivRem(k0, format.BlockLength);
        byte* block = Block(b, n0);
        for (int k = 0; k < depth; k++, element++)
        {
            if (element == format.BlockLength)
            {
                element = 0;
                block = Block(++b, n0);
            }
            Levels(block, layout.Fields(element), layout.Flip, columns, levels);
            if (!layout.Levels.IsEmpty)
            {
                Translate(layout.Levels.AsSpan(), levels, columns);
            }
            if (hasZeros && (k == 0 || element == 0))
            {
                System.Buffer.MemoryCopy(block + (layout.ZeroByte!.Value * rowStride), zeros, columns, columns);
            }
            Subtract(levels, hasZeros ? zeros : null, layout.FixedOffset, codes + ((long)k * width), columns);
        }
    }

    /// <summary>The scales, or the minimums, of the groups of rows k0 … k0 + depth; k0 starts a block. Each is multiplied by <paramref name="sign"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Scales(BlockScale layout, float sign, int k0, int depth, int n0, int columns, float* scales, int width)
    {
        byte* levels = stackalloc byte[LevelBytes(columns)];
        float* super = stackalloc float[columns], sub = stackalloc float[LevelBytes(columns)];
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
            Levels(block, layout.SubFields(group), layout.Flip, columns, levels);
            Subtract(levels, null, 0, sub, columns);
            ScaleRow(super, sub, layout.Multiplier, layout.Addend, layout.Factor, sign, scales, columns);
        }
    }

    private static int LevelBytes(int columns) => (columns + Lanes - 1) / Lanes * Lanes;

    private byte* Block(int block, int column) => panel + ((long)block * format.BlockBytes * rowStride) + column;

    /// <summary>The bits of the fields, put together: one byte for each column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Levels(byte* block, ReadOnlySpan<BitField> fields, byte flip, int columns, byte* levels)
    {
        byte invert = flip;
        int at = 0;
        foreach (BitField f in fields)
        {
            byte* source = block + (f.Byte * rowStride);
            byte mask = (byte)f.Mask;
            var masks = Vector128.Create(mask);
            int n = 0;
            for (; n <= columns - Lanes; n += Lanes)
            {
                // Shifts cross bytes; the masks remove what came from the neighbour.
                Vector128<byte> bits = (Vector128.Load(source + n).AsUInt16() >> f.Shift).AsByte() & masks;
                bits = (bits.AsUInt16() << at).AsByte();
                ((at == 0 ? Vector128.Create(invert) : Vector128.Load(levels + n)) ^ bits).Store(levels + n);
            }
            for (; n < columns; n++)
            {
                levels[n] = (byte)((at == 0 ? invert : levels[n]) ^ (((source[n] >> f.Shift) & mask) << at));
            }
            at += f.Width;
        }
    }

    /// <summary>Levels through a table of at most 16.</summary>
    private static void Translate(ReadOnlySpan<byte> table, byte* levels, int columns)
    {
        Span<byte> entries = stackalloc byte[Lanes];
        table.CopyTo(entries);
        var all = Vector128.Create<byte>(entries);
        for (int n = 0; n < LevelBytes(columns); n += Lanes)
        {
            // Beyond the last column stand bytes that nobody reads; the buffer has room for them.
            Vector128.Shuffle(all, Vector128.Load(levels + n)).Store(levels + n);
        }
    }

    /// <summary>level − offset, where the offset is a number or each column's own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Subtract(byte* levels, byte* zeros, int offset, float* codes, int columns)
    {
        int n = 0;
        if (Avx512F.IsSupported)
        {
            var offsets = Vector512.Create(offset);
            for (; n <= columns - Lanes; n += Lanes)
            {
                Vector512<int> zero = zeros == null ? offsets : Avx512F.ConvertToVector512Int32(Vector128.Load(zeros + n));
                Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(levels + n)) - zero).Store(codes + n);
            }
        }
        else if (Avx2.IsSupported)
        {
            var offsets = Vector256.Create(offset);
            for (; n <= columns - 8; n += 8)
            {
                Vector256<int> zero = zeros == null ? offsets : Avx2.ConvertToVector256Int32(zeros + n);
                Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(levels + n) - zero).Store(codes + n);
            }
        }
        for (; n < columns; n++)
        {
            codes[n] = levels[n] - (zeros == null ? offset : zeros[n]);
        }
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

    private static void ScaleRow(float* super, float* sub, int multiplier, int addend, float factor, float sign, float* scales, int columns)
    {
        int n = 0;
        Vector256<float> m = Vector256.Create((float)multiplier), a = Vector256.Create((float)addend), f = Vector256.Create(factor * sign);
        for (; n <= columns - 8; n += 8)
        {
            (Vector256.Load(super + n) * ((Vector256.Load(sub + n) * m) + a) * f).Store(scales + n);
        }
        for (; n < columns; n++)
        {
            scales[n] = super[n] * ((sub[n] * multiplier) + addend) * (factor * sign);
        }
    }
}
