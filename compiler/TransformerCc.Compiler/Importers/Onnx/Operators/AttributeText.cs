using System.Globalization;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Attributes as diagnostics and declarations write them: 1, 0.5, 'tanh', [0, 1].</summary>
internal static class AttributeText
{
    private const int MostElements = 8, MostCharacters = 64;

    /// <summary>
    /// The type of the value, numbered as in the file. Files of IR version 1 do not say it: there, the field that is filled
    /// tells; 0 (undefined) when none is, which is a 0 or an empty list of any type.
    /// </summary>
    public static int KindOf(AttributeProto a) => a.Type != AttributeProto.Types.AttributeType.Undefined ? (int)a.Type
        : a.T is not null ? (int)AttributeKind.Tensor
        : a.G is not null ? (int)AttributeKind.Graph
        : a.Floats.Count > 0 ? (int)AttributeKind.Floats
        : a.Ints.Count > 0 ? (int)AttributeKind.Ints
        : a.Strings.Count > 0 ? (int)AttributeKind.Texts
        : a.S.Length > 0 ? (int)AttributeKind.Text
        : a.F != 0 ? (int)AttributeKind.Float
        : a.I != 0 ? (int)AttributeKind.Int
        : 0;

    public static string NameOf(int kind) => ((AttributeProto.Types.AttributeType)kind).ToString().ToUpperInvariant();

    public static string Of(AttributeProto a) => KindOf(a) switch
    {
        (int)AttributeKind.Float => Number(a.F),
        (int)AttributeKind.Int => Number(a.I),
        (int)AttributeKind.Text => Quoted(a.S.ToStringUtf8()),
        (int)AttributeKind.Floats => List(a.Floats.Select(Number)),
        (int)AttributeKind.Ints => List(a.Ints.Select(Number)),
        (int)AttributeKind.Texts => List(a.Strings.Select(s => Quoted(s.ToStringUtf8()))),
        (int)AttributeKind.Tensor => "a tensor",
        (int)AttributeKind.Graph => "a graph",
        0 => "empty",
        var kind => NameOf(kind),
    };

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Number(float value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Quoted(string text) => $"'{(text.Length > MostCharacters ? text[..MostCharacters] + "…" : text)}'";

    private static string List(IEnumerable<string> elements)
    {
        string[] all = [.. elements.Take(MostElements + 1)];
        return $"[{string.Join(", ", all.Take(MostElements))}{(all.Length > MostElements ? ", …" : "")}]";
    }
}
