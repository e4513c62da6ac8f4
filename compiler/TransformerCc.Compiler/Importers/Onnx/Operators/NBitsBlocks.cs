using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's weights of 2, 4 or 8 bits: codes, scales and zero points in tensors of their own, put side by side as the
/// blocks that the machine multiplies. No value changes. Up to 2 GiB the blocks are a copy of about the size of the codes, which
/// stay in the mapped file; more are laid when they are read. Nothing is ever held in floats.
/// </summary>
/// <param name="Codes">Rows of bytes with several codes, low bits first, or of i4 or u4 elements.</param>
/// <param name="Scales">One for each block of a row.</param>
/// <param name="ZeroPoints">Null: the middle of the codes' range. Floats, or codes packed as the codes are, each row from a byte on.</param>
/// <param name="BlockSize">A power of two from 16 on.</param>
internal sealed record NBitsBlocks(Tensor Codes, Tensor Scales, Tensor? ZeroPoints, int Bits, long Rows, long Columns, long BlockSize)
{
    /// <summary>Longer blocks are cut into several with the same scale.</summary>
    private const int LongestBlock = 256;

    private long BlocksPerRow => (Columns + BlockSize - 1) / BlockSize;

    private bool HasFloatZeros => ZeroPoints is { } zeros && zeros.Type.IsFloat();

    /// <summary>Signed codes have 0 in the middle as well; of unsigned 4-bit elements it is 0 itself.</summary>
    private BlockZero Zero => HasFloatZeros ? BlockZero.Minimum : ZeroPoints is not null || Codes.Type == ElementType.U4 ? BlockZero.Code : BlockZero.None;

    public BlockFormat Format => BlockFormat.NBits(Bits, (int)long.Min(BlockSize, LongestBlock), Scales.Type == ElementType.F16 ? ElementType.F16 : ElementType.F32, Zero);

    /// <summary>Whether scales and zero points are as many as the blocks.</summary>
    public bool Fits
    {
        get
        {
            Int128 blocks = (Int128)Rows * BlocksPerRow, packed = Rows * (((Int128)BlocksPerRow * Bits + 7) / 8);
            return Rows > 0 && Columns > 0 && Scales.Type.IsFloat() && Scales.Count == blocks && Codes.Count % Rows == 0
                && (Int128)(Codes.Count / Rows) * CodesPerElement(Codes.Type) >= Columns
                && (ZeroPoints is null || ZeroPoints.Count == (ZeroPoints.Type == ElementType.U8 ? packed : blocks))
                && (ZeroPoints is null || HasFloatZeros || ZeroPoints.Type is ElementType.U8 or ElementType.I4 or ElementType.U4);
        }
    }

    /// <summary>u8 [rows, bytes of a row in <see cref="Format"/>].</summary>
    public Tensor Lay()
    {
        long rowBytes = Format.RowBytes(Columns);
        return rowBytes * (Int128)Rows > long.MaxValue ? throw ImportException.Invalid($"{Rows} x {Columns} weights are more than any tensor has")
            : Tensor.Of(ElementType.U8, [Rows, rowBytes], new LaidBlocks(this));
    }

    /// <summary>Blocks of a row from one on, as many as there is room for; what a row has too few codes for stays as it is.</summary>
    public void LayRow(long row, long firstBlock, Span<byte> target)
    {
        BlockFormat format = Format;
        int codeElements = checked((int)(Codes.Count / Rows)), zeroElements = ZeroPoints is null ? 0 : checked((int)(ZeroPoints.Count / Rows));
        int codeBytes = format.BlockLength * Bits / 8, scaleBytes = Scales.Type == ElementType.F16 ? 2 : 4;
        Span<float> scale = stackalloc float[1], zero = stackalloc float[1];
        ReadOnlySpan<byte> codes = Codes.Bytes(row * codeElements, codeElements);
        for (int b = 0; b < target.Length / format.BlockBytes; b++)
        {
            Span<byte> block = target.Slice(b * format.BlockBytes, format.BlockBytes);
            long first = (firstBlock + b) * format.BlockLength, group = first / BlockSize, at = (row * BlocksPerRow) + group;
            CopyCodes(codes, first, block[..codeBytes]);
            ReadOnlySpan<byte> stored = Scales.Bytes(at * Scales.Type.Size(), Scales.Type.Size());
            NumericFormat.WidenToF32(Scales.Type, stored, scale);
            if (Scales.Type is ElementType.F16 or ElementType.F32)
            {
                stored.CopyTo(block[codeBytes..]);
            }
            else
            {
                NumericFormat.NarrowFromF32(ElementType.F32, scale, block.Slice(codeBytes, scaleBytes));
            }
            if (HasFloatZeros)
            {
                int size = ZeroPoints!.Type.Size();
                NumericFormat.WidenToF32(ZeroPoints.Type, ZeroPoints.Bytes(at * size, size), zero);
                zero[0] *= scale[0];
                NumericFormat.NarrowFromF32(ElementType.F32, zero, block[(codeBytes + scaleBytes)..]);
            }
            else if (Zero == BlockZero.Code)
            {
                block[codeBytes + scaleBytes] = ZeroPoints is null ? (byte)0 : (byte)Code(ZeroPoints.Bytes(row * zeroElements, zeroElements), group, ZeroPoints.Type);
            }
        }
    }

    private void CopyCodes(ReadOnlySpan<byte> row, long first, Span<byte> block)
    {
        if (Codes.Type == ElementType.U8)
        {
            // A row may end before its last block does.
            ReadOnlySpan<byte> from = row[(int)long.Min(first * Bits / 8, row.Length)..];
            from[..int.Min(from.Length, block.Length)].CopyTo(block);
            return;
        }
        int count = (int)long.Min(row.Length - first, block.Length * 2L);
        for (int i = 0; i < count; i++)
        {
            block[i / 2] |= (byte)(Code(row, first + i, Codes.Type) << (i % 2 * 4));
        }
    }

    private long CodesPerElement(ElementType type) => type == ElementType.U8 ? 8 / Bits : 1;

    /// <summary>A code from 0 on: signed ones are moved up by half their range.</summary>
    private int Code(ReadOnlySpan<byte> row, long index, ElementType type) => type switch
    {
        ElementType.U8 => (row[(int)(index * Bits / 8)] >> (int)(index * Bits % 8)) & ((1 << Bits) - 1),
        ElementType.I4 => (row[(int)index] ^ 8) & 15,
        _ => row[(int)index] & 15,
    };
}
