using System.Globalization;
using System.Text;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What decides how an item is best cut, as a text: items with the same text are the same problem on the same chip.</summary>
internal static class TilingProblem
{
    /// <summary>Operators with their shapes and formats, what of their values is resident or read elsewhere, bounds, and the ASP that is taken.</summary>
    public static string Of(TilingContext context, IReadOnlyList<Node> nodes)
    {
        var text = new StringBuilder();
        foreach ((string name, DimInterval interval) in context.Builder.Program.Dimensions)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}={interval.Lower}..{interval.Upper} ");
        }
        text.Append(CultureInfo.InvariantCulture, $"reserved={context.TakenAsp}\n");
        var inside = nodes.ToHashSet();
        var numbers = new Dictionary<Value, int>();
        foreach (Node node in nodes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{node.Op}(");
            foreach (Value value in node.Inputs)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Describe(context, value, numbers)}");
            }
            text.Append(')');
            foreach (Value value in node.Outputs)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Describe(context, value, numbers)}{(context.Storage.IsReadOutside(value, inside) ? "!" : "")}");
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    private static string Describe(TilingContext context, Value value, Dictionary<Value, int> numbers)
    {
        Value root = ValueStorage.Root(value);
        if (!numbers.TryGetValue(root, out int number))
        {
            numbers[root] = number = numbers.Count;
        }
        string kind = value.IsConstant ? "constant" : context.Storage.Resident(value) is null ? "dram" : "asp";
        return string.Create(CultureInfo.InvariantCulture, $"{number}:{context.Storage.Format(value)}[{string.Join(',', value.Type.Shape)}]{kind}");
    }
}
