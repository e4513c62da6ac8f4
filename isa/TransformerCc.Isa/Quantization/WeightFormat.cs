using System.Globalization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Quantization;

/// <summary>The format of weights: elements (codes 0 to 63) or blocks (64 to 255). Text: the name of either.</summary>
public readonly record struct WeightFormat(byte Code)
{
    public const int FirstBlockCode = 64;

    /// <summary>Null for a plain format.</summary>
    public BlockFormat? Block => BlockFormat.OfCode(Code);

    /// <summary>The format of the elements; meaningless for blocks.</summary>
    public ElementType Element => (ElementType)Code;

    public bool IsDefined => Code < FirstBlockCode ? Enum.IsDefined(Element) : Block is not null;

    public string Name => Code < FirstBlockCode ? Element.Name() : Block?.Name ?? string.Create(CultureInfo.InvariantCulture, $"format{Code}");

    /// <summary>Bytes of a row of elements as tables keep it; blocks are whole.</summary>
    public long RowBytes(long elements) => Block is { } block ? block.RowBytes(elements) : checked(elements * Element.Size());

    public static WeightFormat FromElementType(ElementType type) => new((byte)type);

    public static WeightFormat FromBlockFormat(BlockFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        return new(format.Code);
    }

    public static implicit operator WeightFormat(ElementType type) => FromElementType(type);

    public static implicit operator WeightFormat(BlockFormat format) => FromBlockFormat(format);

    public static bool TryParse(string name, out WeightFormat format)
    {
        bool isBlock = BlockFormat.TryParse(name, out BlockFormat? block), isElement = ElementTypes.TryParse(name, out ElementType element);
        format = isBlock ? block! : isElement ? element : default;
        return isBlock || isElement;
    }

    public override string ToString() => Name;
}
