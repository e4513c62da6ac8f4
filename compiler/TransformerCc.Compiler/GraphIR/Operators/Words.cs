using System.Text;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Enumeration values as words of the text form, snake case: <c>GeluErf</c> is <c>gelu_erf</c>.</summary>
internal static class Words
{
    public static void Word<T>(this IAttributeVisitor visitor, string name, T value) where T : struct, Enum => visitor.Word(name, Of(value));

    public static T Word<T>(this IAttributeReader reader, string name) where T : struct, Enum
    {
        string word = reader.Word(name);
        foreach (T value in Enum.GetValues<T>())
        {
            if (Of(value) == word)
            {
                return value;
            }
        }
        throw new ShapeException($"{name} cannot be '{word}'; known: {string.Join(", ", Enum.GetValues<T>().Select(Of))}");
    }

    public static void Element(this IAttributeVisitor visitor, string name, ElementType type) => visitor.Word(name, type.Name());

    public static ElementType Element(this IAttributeReader reader, string name) =>
        ElementTypes.TryParse(reader.Word(name), out ElementType type) ? type : throw new ShapeException($"{name}: '{reader.Word(name)}' is not an element type");

    public static void Dim(this IAttributeVisitor visitor, string name, DimExpr value) => visitor.Dims(name, [value]);

    public static DimExpr Dim(this IAttributeReader reader, string name) =>
        reader.Dims(name) is { Count: 1 } dims ? dims[0] : throw new ShapeException($"{name} must hold one expression");

    public static void Blocks(this IAttributeVisitor visitor, string name, BlockFormat format) => visitor.Word(name, format.Name);

    public static BlockFormat Blocks(this IAttributeReader reader, string name) =>
        BlockFormat.TryParse(reader.Word(name), out BlockFormat? format) ? format : throw new ShapeException($"{name}: '{reader.Word(name)}' is not a block format");

    /// <summary>A block format, or plain elements where the attribute is left out.</summary>
    public static void OptionalBlocks(this IAttributeVisitor visitor, string name, BlockFormat? format)
    {
        if (format is not null)
        {
            visitor.Blocks(name, format);
        }
    }

    /// <inheritdoc cref="OptionalBlocks(IAttributeVisitor, string, BlockFormat?)"/>
    public static BlockFormat? OptionalBlocks(this IAttributeReader reader, string name) => reader.Has(name) ? reader.Blocks(name) : null;

    /// <summary>An attribute that is an axis or a small count.</summary>
    public static int Int32(this IAttributeReader reader, string name) =>
        reader.Integer(name) is >= int.MinValue and <= int.MaxValue and long value ? (int)value : throw new ShapeException($"{name} is out of range");

    private static string Of<T>(T value) where T : struct, Enum
    {
        var text = new StringBuilder();
        bool previousIsLower = false;
        foreach (char c in value.ToString())
        {
            bool startsWord = char.IsAsciiLetterUpper(c) && text.Length > 0 && previousIsLower;
            text.Append(startsWord ? "_" : "").Append(char.ToLowerInvariant(c));
            previousIsLower = char.IsAsciiLetterLower(c);
        }
        return text.ToString();
    }
}
