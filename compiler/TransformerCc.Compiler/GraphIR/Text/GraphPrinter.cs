using System.Globalization;
using System.Text;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>Prints a graph in the form that <see cref="GraphParser"/> reads; printing what was parsed gives the same text.</summary>
public static class GraphPrinter
{
    public static string Print(Graph graph)
    {
        var text = new StringBuilder();
        text.Append("graph ").Append(QuotedText.Quote(graph.Name)).Append(" {\n");
        foreach ((string name, DimInterval interval) in graph.Dimensions)
        {
            text.Append(CultureInfo.InvariantCulture, $"  dim {name} in {interval.Lower}..{interval.Upper}{(graph.DimensionDefaults.TryGetValue(name, out DimExpr? value) ? $" = {value}" : "")}\n");
        }
        foreach (Value input in graph.Inputs)
        {
            text.Append("  input ").Append(Declaration(input)).Append(graph.Fills.TryGetValue(input, out DimExpr? fill) ? $" = {fill}" : "").Append('\n');
        }
        // Constants in the order of their first use, which parsing and printing keep.
        IEnumerable<Value> used = graph.Nodes.SelectMany(n => n.Inputs).Concat(graph.Results);
        foreach (Value constant in used.Where(v => v.IsConstant).Distinct())
        {
            text.Append("  const ").Append(Declaration(constant)).Append(" = ").Append(ConstantText.Print(constant)).Append('\n');
        }
        foreach (Node node in graph.Nodes)
        {
            text.Append("  ").Append(Print(node)).Append('\n');
        }
        foreach (GraphState state in graph.States)
        {
            text.Append("  state ").Append(state.Input).Append(" = ").Append(state.Next).Append('\n');
        }
        foreach (GraphOutput output in graph.Outputs)
        {
            text.Append("  output ").Append(QuotedText.Quote(output.Name)).Append(" = ").Append(output.Value).Append('\n');
        }
        return text.Append("}\n").ToString();
    }

    /// <summary>One node as a line of the text form.</summary>
    public static string Print(Node node)
    {
        string sources = node.Sources.Count == 0 ? "" : $" from {string.Join(", ", node.Sources.Select(QuotedText.Quote))}";
        return $"{string.Join(", ", node.Outputs.Select(Declaration))} = {node.Op.Name}({string.Join(", ", node.Inputs)}){Attributes(node.Op)}{sources}";
    }

    /// <summary>The attributes of an operator between braces, after a blank; empty without attributes.</summary>
    public static string Attributes(Operator op)
    {
        var printer = new AttributePrinter();
        op.Attributes(printer);
        return printer.Items.Count == 0 ? "" : $" {{{string.Join(", ", printer.Items)}}}";
    }

    private static string Declaration(Value value) => $"{value} : {value.Type}";

    private sealed class AttributePrinter : IAttributeVisitor
    {
        public List<string> Items { get; } = [];

        public void Integer(string name, long value) => Items.Add(string.Create(CultureInfo.InvariantCulture, $"{name} = {value}"));

        public void Float(string name, double value) => Items.Add($"{name} = {FloatText.Print(value)}");

        public void Flag(string name, bool value)
        {
            if (value)
            {
                Items.Add(name);
            }
        }

        public void Word(string name, string value) => Items.Add($"{name} = {value}");

        public void Integers(string name, EquatableArray<long> values) => Items.Add($"{name} = {values}");

        public void Dims(string name, EquatableArray<DimExpr> values) => Items.Add($"{name} = {values}");
    }
}
