using System.Runtime.CompilerServices;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR;

/// <summary>
/// Checks what every pass relies on: values exist once and before their use, under unique names; types are what the
/// operators infer; dimensions speak only of declared symbols; outputs exist. Runs after every pass.
/// </summary>
public sealed class GraphVerifier
{
    public const string NameCode = "TCC2001", OrderCode = "TCC2002", CycleCode = "TCC2003", AssignmentCode = "TCC2004", TypeCode = "TCC2005",
        OperandCode = "TCC2006", SymbolCode = "TCC2007", OutputCode = "TCC2008", DimensionCode = "TCC2009", ConstantCode = "TCC2010", StateCode = "TCC2011", FillCode = "TCC2012";

    private readonly Graph _graph;
    private readonly DiagnosticList _diagnostics = [];
    private readonly Dictionary<string, Value> _names = new(StringComparer.Ordinal);
    private readonly HashSet<Value> _defined = [];

    private GraphVerifier(Graph graph) => _graph = graph;

    /// <summary>Every violation found; empty when the graph is well formed.</summary>
    public static DiagnosticList Verify(Graph graph)
    {
        var verifier = new GraphVerifier(graph);
        verifier.Dimensions();
        verifier.Inputs();
        verifier.Nodes();
        verifier.Outputs();
        verifier.States();
        verifier.Cycles();
        return verifier._diagnostics;
    }

    /// <summary>How messages name a node: its first result and its operator, then the model's nodes.</summary>
    public static string Describe(Node node)
    {
        string result = node.Outputs.Count > 0 ? $"{node.Outputs[0]} = {node.Op.Name}" : node.Op.Name;
        return node.Sources.Count == 0 ? result : $"{result} from {string.Join(", ", node.Sources.Select(s => $"\"{s}\""))}";
    }

    private void Dimensions()
    {
        foreach ((string name, DimInterval interval) in _graph.Dimensions)
        {
            string where = $"dim {name}";
            Expect(IsSymbol(name), DimensionCode, $"'{name}' is not a name for a dimension: letters, digits, '_' and '.', not a digit first", where);
            Expect(interval.Lower >= 0 && interval.Lower <= interval.Upper, DimensionCode, $"dimension {name} cannot lie in {interval.Lower}..{interval.Upper}", where);
        }
        foreach ((string name, DimExpr value) in _graph.DimensionDefaults)
        {
            bool known = _graph.Dimensions.ContainsKey(name) && value.Symbols.All(s => s != name && _graph.Dimensions.ContainsKey(s));
            Expect(known, SymbolCode, $"the value {value} of dimension {name} speaks of an undeclared dimension", $"dim {name}");
        }
    }

    private void Inputs()
    {
        foreach (Value input in _graph.Inputs)
        {
            string where = $"input {input}";
            Expect(input.Producer is null && !input.IsConstant, AssignmentCode, $"input {input} is computed or constant as well", where);
            Define(input, where);
        }
        foreach ((Value input, DimExpr fill) in _graph.Fills)
        {
            string where = $"input {input}";
            Expect(_graph.Inputs.Contains(input) && !input.Type.Element.IsFloat(), FillCode, $"{input} cannot be left out: only integer inputs can", where);
            Expect(fill.Symbols.All(_graph.Dimensions.ContainsKey), SymbolCode, $"the value {fill} of {input} speaks of an undeclared dimension", where);
        }
    }

    private void Nodes()
    {
        var position = new Dictionary<Node, int>();
        for (int i = 0; i < _graph.Nodes.Count; i++)
        {
            Expect(position.TryAdd(_graph.Nodes[i], i), AssignmentCode, "the node stands in the graph twice", Describe(_graph.Nodes[i]));
        }
        foreach (Node node in _graph.Nodes)
        {
            string where = Describe(node);
            foreach (Value input in node.Inputs)
            {
                Use(input, where, position);
            }
            foreach (string symbol in AttributeSymbols.Of(node.Op))
            {
                Expect(_graph.Dimensions.ContainsKey(symbol), SymbolCode, $"an attribute speaks of the undeclared dimension {symbol}", where);
            }
            Results(node, where);
        }
    }

    private void Results(Node node, string where)
    {
        foreach (Value output in node.Outputs)
        {
            Expect(ReferenceEquals(output.Producer, node) && !output.IsConstant, AssignmentCode, $"{output} is a result of this node but says it comes from elsewhere", where);
            Define(output, where);
        }
        try
        {
            EquatableArray<TensorType> types = ShapeRules.Infer(node.Op, node.Inputs);
            Expect(types.Count == node.Outputs.Count, TypeCode, $"the operator gives {types.Count} results, the node has {node.Outputs.Count}", where);
            for (int i = 0; i < int.Min(types.Count, node.Outputs.Count); i++)
            {
                Expect(types[i] == node.Outputs[i].Type, TypeCode, $"{node.Outputs[i]} is {node.Outputs[i].Type}, the operator gives {types[i]}", where);
            }
        }
        catch (ShapeException e)
        {
            Report(OperandCode, $"{node.Op.Name}: {e.Message}", where);
        }
    }

    private void Outputs()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (GraphOutput output in _graph.Outputs)
        {
            string where = $"output \"{output.Name}\"";
            Expect(names.Add(output.Name), OutputCode, $"two outputs are named \"{output.Name}\"", where);
            if (output.Value.IsConstant)
            {
                Constant(output.Value, where);
            }
            else
            {
                Expect(_defined.Contains(output.Value), OutputCode, $"{output.Value} is returned but not computed", where);
            }
        }
    }

    /// <summary>A state changes in place: nothing may see its old content after the append, or change it twice.</summary>
    private void States()
    {
        var seen = new HashSet<Value>();
        Dictionary<Value, List<Node>> uses = _graph.States.Count == 0 ? [] : _graph.Uses();
        foreach ((Value input, Value next) in _graph.States)
        {
            string where = $"state {input}";
            Expect(seen.Add(input) && seen.Add(next), StateCode, $"{input} or {next} belongs to two states", where);
            Expect(_graph.Inputs.Contains(input), StateCode, $"{input} is not an input", where);
            Expect(input.Type == next.Type, StateCode, $"{input} is {input.Type}, its next content {next} is {next.Type}", where);
            bool appended = next.Producer is { Op: CacheAppend } producer && _graph.Nodes.Contains(producer) && ReferenceEquals(producer.Inputs[0], input);
            Expect(appended, StateCode, $"{next} is not the result of an append to {input}", where);
            Expect(!appended || _graph.Inputs.Contains(next.Producer!.Inputs[2]), StateCode, $"the count of past positions of {input} is not an input", where);
            Expect(!appended || next.Producer!.Op is not CacheAppend { Paged: true } || _graph.Inputs.Contains(next.Producer.Inputs[3]), StateCode, $"the page table of {input} is not an input", where);
            foreach (Node reader in uses.GetValueOrDefault(next, []))
            {
                bool agrees = appended && reader.Op is CachedAttention attention && next.Producer!.Op is CacheAppend append && attention.Circular == append.Circular && ReferenceEquals(reader.Inputs[3], next.Producer.Inputs[2])
                    && attention.Paged == append.Paged && (!append.Paged || ReferenceEquals(reader.Inputs[^1], next.Producer.Inputs[^1]));
                Expect(agrees, StateCode, $"{next} is read by what is no attention over it with the same past positions and slots", where);
            }
            bool alone = !appended || (uses.GetValueOrDefault(input, []) is [var only] && ReferenceEquals(only, next.Producer) && only.Inputs.Count(v => ReferenceEquals(v, input)) == 1);
            Expect(alone && !_graph.IsOutput(input), StateCode, $"{input} has readers besides the append", where);
            Expect(!_graph.IsOutput(next), StateCode, $"{next} is an output as well: an output has its own bytes", where);
        }
        foreach (Node node in _graph.Nodes.Where(n => n.Op is CacheAppend && !seen.Contains(n.Output)))
        {
            Report(StateCode, $"{node.Output} is appended to what is no state", Describe(node));
        }
    }

    private void Cycles()
    {
        foreach (IReadOnlyList<Node> cycle in GraphAlgorithms.Cycles(_graph))
        {
            Report(CycleCode, $"{cycle.Count} nodes need each other's results", string.Join("; ", cycle.Take(8).Select(Describe)));
        }
    }

    private void Use(Value value, string where, Dictionary<Node, int> position)
    {
        if (value.IsConstant)
        {
            Constant(value, where);
        }
        else if (!_defined.Contains(value))
        {
            bool later = value.Producer is { } producer && position.ContainsKey(producer);
            Report(OrderCode, later ? $"{value} is used before it is computed" : $"{value} is used but nothing in the graph computes it", where);
        }
    }

    private void Constant(Value value, string where)
    {
        if (!_defined.Contains(value))
        {
            Expect(value.Producer is null, AssignmentCode, $"constant {value} is computed as well", where);
            Expect(value.Type == TensorType.Of(value.ConstantData!), ConstantCode, $"constant {value} is {value.Type}, its data {TensorType.Of(value.ConstantData!)}", where);
            Define(value, where);
        }
    }

    private void Define(Value value, string where)
    {
        Expect(_defined.Add(value), AssignmentCode, $"{value} is defined twice", where);
        Expect(_names.TryAdd(value.Name, value) || ReferenceEquals(_names[value.Name], value), NameCode, $"two values are named {value}", where);
        Expect(value.Name.Length > 0 && value.Name.All(c => char.IsAsciiLetterOrDigit(c) || Graph.IsNamePunctuation(c)), NameCode, $"'{value.Name}' is not a name for a value", where);
        foreach (string symbol in value.Type.Shape.SelectMany(d => d.Symbols).Distinct())
        {
            Expect(_graph.Dimensions.ContainsKey(symbol), SymbolCode, $"the type {value.Type} of {value} speaks of the undeclared dimension {symbol}", where);
        }
    }

    internal static bool IsSymbol(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.');

    private void Expect(bool condition, string code, [InterpolatedStringHandlerArgument(nameof(condition))] ref FailureText message, string where)
    {
        if (!condition)
        {
            Report(code, message.ToStringAndClear(), where);
        }
    }

    private void Expect(bool condition, string code, string message, string where)
    {
        if (!condition)
        {
            Report(code, message, where);
        }
    }

    private void Report(string code, string message, string where) => _diagnostics.Add(Diagnostic.Error(code, message, where));

    /// <summary>The symbols in the dimension attributes of an operator.</summary>
    private sealed class AttributeSymbols : IAttributeVisitor
    {
        private readonly HashSet<string> _symbols = new(StringComparer.Ordinal);

        public static IEnumerable<string> Of(Operator op)
        {
            var visitor = new AttributeSymbols();
            op.Attributes(visitor);
            return visitor._symbols.Order(StringComparer.Ordinal);
        }

        public void Dims(string name, EquatableArray<DimExpr> values) => _symbols.UnionWith(values.SelectMany(d => d.Symbols));

        public void Integer(string name, long value) { }

        public void Float(string name, double value) { }

        public void Flag(string name, bool value) { }

        public void Word(string name, string value) { }

        public void Integers(string name, EquatableArray<long> values) { }
    }
}
