using System.Collections.Immutable;
using System.Globalization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Quantization;

/// <summary>
/// The blocks of ONNX MatMulNBits (and of GatherBlockQuantized): codes, lowest bits first; then the scale; then what says
/// where zero is. The file keeps scales and zero points in tensors of their own; the compiler puts them side by side.
/// </summary>
internal static class NBitsFormats
{
    private const int FirstCode = 128;

    private static readonly int[] s_bits = [2, 4, 8], s_lengths = [16, 32, 64, 128, 256];
    private static readonly ElementType[] s_scales = [ElementType.F16, ElementType.F32];

    public static ImmutableArray<BlockFormat> All { get; } =
    [
        .. from bits in s_bits
           from length in s_lengths
           from scale in s_scales
           from zero in Enum.GetValues<BlockZero>()
           select Declare(bits, length, scale, zero),
    ];

    public static BlockFormat Find(int bits, int blockLength, ElementType scale, BlockZero zero) => All[Index(bits, blockLength, scale, zero)];

    private static BlockFormat Declare(int bits, int length, ElementType scale, BlockZero zero)
    {
        int scaleByte = length * bits / 8, zeroByte = scaleByte + scale.Size(), groupSize = int.Min(length, 32), groups = length / groupSize;
        int zeroBytes = zero switch { BlockZero.None => 0, BlockZero.Code => 1, _ => 4 };
        string name = string.Create(CultureInfo.InvariantCulture, $"nbits{bits}_{length}_{scale.Name()}{zero switch { BlockZero.None => "", BlockZero.Code => "_zero", _ => "_min" }}");
        return new BlockFormat(name, (byte)(FirstCode + Index(bits, length, scale, zero)), length, zeroByte + zeroBytes, groupSize,
            new BlockCodes(length, [new BitPlane(0, bits, 1)], zero == BlockZero.None ? 1 << (bits - 1) : 0, zeroByte: zero == BlockZero.Code ? zeroByte : null),
            new BlockScale(groups, scale == ElementType.F16 ? SuperScaleKind.F16 : SuperScaleKind.F32, scaleByte),
            zero == BlockZero.Minimum ? new BlockScale(groups, SuperScaleKind.F32, zeroByte) : null);
    }

    private static int Index(int bits, int length, ElementType scale, BlockZero zero)
    {
        (int b, int l, int s) = (Array.IndexOf(s_bits, bits), Array.IndexOf(s_lengths, length), Array.IndexOf(s_scales, scale));
        if (b < 0 || l < 0 || s < 0 || !Enum.IsDefined(zero))
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"no block format has {bits} bits in blocks of {length} with scales of {scale.Name()}"));
        }
        return (((((b * s_lengths.Length) + l) * s_scales.Length) + s) * Enum.GetValues<BlockZero>().Length) + (int)zero;
    }
}
