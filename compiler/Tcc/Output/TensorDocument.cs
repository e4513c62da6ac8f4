using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tool.Output;

/// <summary>A tensor that a user passes in or gets back; sizes are numbers or expressions over dimensions.</summary>
internal sealed record TensorDocument(string Name, string Kind, string Type, IReadOnlyList<string> Shape)
{
    public static TensorDocument Of(TensorSymbol t) => new(t.Name, t.Kind.ToString().ToLowerInvariant(), t.Type.Name(), [.. t.Shape.Select(d => d.ToString())]);

    public static TensorDocument Of(string name, string kind, TensorType type) => new(name, kind, type.Element.Name(), [.. type.Shape.Select(d => d.ToString())]);

    public static void WriteTable(TextWriter output, IEnumerable<DimensionDocument> dimensions, IEnumerable<TensorDocument> tensors)
    {
        var table = new TextTable("tensor", "", "type", "shape");
        foreach (TensorDocument t in tensors)
        {
            table.Add(t.Name, t.Kind, t.Type, $"[{string.Join(", ", t.Shape)}]");
        }
        table.Write(output);
        foreach (DimensionDocument d in dimensions)
        {
            output.WriteLine($"{d.Name} = {d.Lower}..{d.Upper}");
        }
    }
}
