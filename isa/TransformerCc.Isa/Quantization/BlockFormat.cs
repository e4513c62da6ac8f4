using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Quantization;

/// <summary>How a block of ONNX MatMulNBits says which code is zero.</summary>
public enum BlockZero
{
    /// <summary>2^(bits − 1).</summary>
    None,
    /// <summary>One byte of the block.</summary>
    Code,
    /// <summary>An f32 minimum: value = scale · code − minimum, for zero points that are no codes.</summary>
    Minimum,
}

/// <summary>
/// A block-quantised weight format: <see cref="BlockLength"/> weights in <see cref="BlockBytes"/> bytes, each a small integer
/// code times the scale of its group, less the group's minimum where the format has one. A format is data (where the bits lie),
/// from which the decoders of rows and of panels both derive.
/// </summary>
public sealed class BlockFormat
{
    private readonly Repacking? _repacking;

    internal BlockFormat(string name, byte code, int blockLength, int blockBytes, int groupSize, BlockCodes codes, BlockScale scale, BlockScale? minimum = null)
    {
        (Name, Code, BlockLength, BlockBytes, GroupSize) = (name, code, blockLength, blockBytes, groupSize);
        (Codes, Scale, Minimum, PanelFormat) = (codes, scale, minimum, this);
    }

    /// <summary>A format whose bits only the compiler reads: panels hold it repacked.</summary>
    internal BlockFormat(string name, byte code, int blockBytes, Repacking repacking)
    {
        PanelFormat = repacking.Target;
        (Name, Code, BlockLength, BlockBytes, GroupSize) = (name, code, PanelFormat.BlockLength, blockBytes, PanelFormat.GroupSize);
        (Codes, Scale, Minimum, _repacking) = (PanelFormat.Codes, PanelFormat.Scale, PanelFormat.Minimum, repacking);
    }

    /// <summary>Lower case, as in assembly: q4_k, iq4_nl, nbits4_32_f16.</summary>
    public string Name { get; }

    /// <summary>The format's code in an instruction, 64 to 255; it never changes.</summary>
    public byte Code { get; }

    /// <summary>Weights of a block.</summary>
    public int BlockLength { get; }

    public int BlockBytes { get; }

    /// <summary>The K-group of products: 16 or 32. A scale of more weights is repeated.</summary>
    public int GroupSize { get; }

    public bool HasMinimum => Minimum is not null;

    /// <summary>The number of the type in GGUF files; null for formats of other origin.</summary>
    public int? GgmlType => Code < GgmlFormats.PanelCodes ? Code - GgmlFormats.FirstCode : null;

    /// <summary>The format of panels: itself, or for grids and base-3 digits the one they are repacked to without loss.</summary>
    public BlockFormat PanelFormat { get; }

    /// <summary>Where a block of the <see cref="PanelFormat"/> holds codes.</summary>
    public BlockCodes Codes { get; }

    /// <inheritdoc cref="Codes"/>
    public BlockScale Scale { get; }

    /// <inheritdoc cref="Codes"/>
    public BlockScale? Minimum { get; }

    public static IReadOnlyList<BlockFormat> All => BlockFormats.All;

    /// <summary>The format of a type of GGUF files; null for a type that is not one of blocks, or unknown.</summary>
    public static BlockFormat? OfGgml(int type) => type is >= 0 and < GgmlFormats.PanelCodes - GgmlFormats.FirstCode ? OfCode((byte)(GgmlFormats.FirstCode + type)) : null;

    public static BlockFormat? OfCode(byte code) => BlockFormats.OfCode(code);

    public static bool TryParse(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out BlockFormat? format)
    {
        format = All.FirstOrDefault(f => f.Name == name);
        return format is not null;
    }

    /// <summary>A format of ONNX MatMulNBits.</summary>
    /// <param name="bits">2, 4 or 8.</param>
    /// <param name="blockLength">16, 32, 64, 128 or 256.</param>
    /// <param name="scale">F16 or F32.</param>
    public static BlockFormat NBits(int bits, int blockLength, ElementType scale, BlockZero zero) => NBitsFormats.Find(bits, blockLength, scale, zero);

    /// <summary>Bytes of a row of <paramref name="elements"/> weights: whole blocks.</summary>
    public long RowBytes(long elements) => checked((elements + BlockLength - 1) / BlockLength * BlockBytes);

    /// <summary>The exact values of a row. The last block may be used in part.</summary>
    public void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Span<byte> repacked = stackalloc byte[_repacking is null ? 0 : PanelFormat.BlockBytes], levels = stackalloc byte[BlockLength];
        Span<float> last = stackalloc float[values.Length % BlockLength == 0 ? 0 : BlockLength];
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..])
        {
            scoped ReadOnlySpan<byte> block = blocks[..BlockBytes];
            if (_repacking is not null)
            {
                _repacking.Block(block, repacked);
                block = repacked;
            }
            if (values.Length < BlockLength)
            {
                DecodeBlock(block, levels, last);
                last[..values.Length].CopyTo(values);
                return;
            }
            DecodeBlock(block, levels, values[..BlockLength]);
            values = values[BlockLength..];
        }
    }

    /// <summary>False for the types that only ggml's own encoders make: those that panels repack.</summary>
    public bool CanEncode => _repacking is null;

    /// <summary>Quantises whole blocks of finite values, each code to the nearest; for synthetic models and tests.</summary>
    public void Encode(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        if (!CanEncode)
        {
            throw new NotSupportedException($"{Name} is not encoded");
        }
        for (; !values.IsEmpty; values = values[BlockLength..], blocks = blocks[BlockBytes..])
        {
            BlockEncoder.Encode(this, values[..BlockLength], blocks[..BlockBytes]);
        }
    }

    /// <summary>Whole blocks to blocks of the <see cref="PanelFormat"/>; the values stay.</summary>
    public void Repack(ReadOnlySpan<byte> blocks, Span<byte> repacked)
    {
        if (_repacking is null)
        {
            blocks.CopyTo(repacked);
            return;
        }
        for (; !blocks.IsEmpty; blocks = blocks[BlockBytes..], repacked = repacked[PanelFormat.BlockBytes..])
        {
            _repacking.Block(blocks[..BlockBytes], repacked[..PanelFormat.BlockBytes]);
        }
    }

    public override string ToString() => Name;

    /// <summary>value = scale · code − minimum: both operations round to f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DecodeBlock(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> values)
    {
        var offset = Vector128.Create(Codes.ReadLevels(block, levels));
        for (int e = 0, g = 0; e < values.Length; e += GroupSize, g++)
        {
            var scale = Vector128.Create(Scale.Of(block, g));
            var minimum = Vector128.Create(Minimum?.Of(block, g) ?? 0f);
            for (int i = e; i < e + GroupSize; i += 8)
            {
                (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.WidenLower(Vector128.CreateScalar(BinaryPrimitives.ReadUInt64LittleEndian(levels[i..])).AsByte()));
                FloatBits.Canonical((Vector128.ConvertToSingle(low.AsInt32() - offset) * scale) - minimum).CopyTo(values[i..]);
                FloatBits.Canonical((Vector128.ConvertToSingle(high.AsInt32() - offset) * scale) - minimum).CopyTo(values[(i + 4)..]);
            }
        }
    }
}
