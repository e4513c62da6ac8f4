using System.Globalization;
using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text.Generated;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>Makes a graph from the syntax tree, statement by statement. A statement that fails is reported and left out.</summary>
internal sealed class GraphBuilder(ErrorCollector errors)
{
    /// <summary>Elements of all constants of a text: a short text could ask for any amount of pseudo-random data.</summary>
    private const long MaxConstantElements = 16L << 20;

    private readonly Dictionary<string, Value?> _values = new(StringComparer.Ordinal);
    private Graph _graph = new("");
    private long _constantElements;

    public Graph Build(GraphTextParser.DocumentContext document)
    {
        Attempt(document.STRING().Symbol, () => _graph = new Graph(Text(document.STRING())));
        foreach (GraphTextParser.StatementContext statement in document.statement())
        {
            Attempt(statement.Start, () => Add(statement));
        }
        return _graph;
    }

    private void Add(GraphTextParser.StatementContext statement)
    {
        switch (statement)
        {
            case GraphTextParser.DimensionContext dimension: AddDimension(dimension); break;
            case GraphTextParser.InputContext input: AddInput(input); break;
            case GraphTextParser.ConstantContext constant: AddConstant(constant); break;
            case GraphTextParser.OutputContext output: AddOutput(output); break;
            case GraphTextParser.StateContext state: AddState(state); break;
            case GraphTextParser.NodeContext node: AddNode(node); break;
        }
    }

    private void AddDimension(GraphTextParser.DimensionContext dimension)
    {
        string name = dimension.word().GetText();
        ShapeRules.Expect(_graph.Dimensions.TryAdd(name, new DimInterval(Bound(dimension.bound(0)), Bound(dimension.bound(1)))), $"dim {name} is declared twice");
        if (dimension.expression() is { } value)
        {
            _graph.DimensionDefaults.Add(name, Expression(value));
        }
    }

    private void AddInput(GraphTextParser.InputContext input)
    {
        string name = Declare(input.VALUE());
        Value value = _graph.AddInput(name, Type(input.type()));
        _values[name] = value;
        if (input.expression() is { } fill)
        {
            _graph.Fills.Add(value, Expression(fill));
        }
    }

    private void AddState(GraphTextParser.StateContext state)
    {
        if (Find(state.VALUE(0)) is { } input && Find(state.VALUE(1)) is { } next)
        {
            _graph.States.Add(new GraphState(input, next));
        }
    }

    private void AddConstant(GraphTextParser.ConstantContext constant)
    {
        string name = Declare(constant.VALUE());
        TensorType type = Type(constant.type());
        ShapeRules.Expect(type.Shape.All(d => d.IsConstant), $"the type {type} of a constant must not hold symbols");
        long[] shape = [.. type.Shape.Select(d => d.ConstantValue!.Value)];
        _constantElements = checked(_constantElements + Strided.Count(shape));
        ShapeRules.Expect(_constantElements <= MaxConstantElements, $"the constants of a text hold at most {MaxConstantElements} elements");
        GraphTextParser.DataContext data = constant.data();
        string? label = data.LABEL()?.GetText()[1..];
        Tensor tensor = label is not null
            ? ConstantText.Random(type.Element, shape, label)
            : ConstantText.Parse(type.Element, shape, [.. data.number().Select(n => n.GetText())], fill: data.Start.Text != "{");
        _values[name] = _graph.Constant(tensor, name, label);
    }

    private void AddOutput(GraphTextParser.OutputContext output)
    {
        if (Find(output.VALUE()) is { } value)
        {
            _graph.Outputs.Add(new GraphOutput(Text(output.STRING()), value));
        }
    }

    private void AddNode(GraphTextParser.NodeContext statement)
    {
        GraphTextParser.ResultContext[] results = statement.result();
        string[] names = [.. results.Select(r => Declare(r.VALUE()))];
        Value?[] operands = [.. statement.VALUE().Select(Find)];
        string name = statement.word().GetText();
        ShapeRules.Expect(OperatorSet.All.TryGetValue(name, out Func<IAttributeReader, Operator>? read), $"there is no operator {name}");
        AttributeText attributes = Attributes(statement.attributes());
        Operator op = read(attributes);
        attributes.ExpectAllRead(name);
        if (operands.Any(v => v is null))
        {
            return; // the statement of that operand was reported
        }
        string[] sources = [.. statement.sources()?.STRING().Select(Text) ?? []];
        Node node = _graph.Add(op, operands!, sources, names);
        for (int i = 0; i < names.Length; i++)
        {
            TensorType declared = Type(results[i].type());
            ShapeRules.Expect(declared == node.Outputs[i].Type, $"%{names[i]} is declared {declared}, {name} gives {node.Outputs[i].Type}");
            _values[names[i]] = node.Outputs[i];
        }
    }

    private static AttributeText Attributes(GraphTextParser.AttributesContext? context)
    {
        var attributes = new AttributeText();
        foreach (GraphTextParser.AttributeContext a in context?.attribute() ?? [])
        {
            attributes.Add(a.word().GetText(), a.number()?.GetText(), a.list() is { } list ? Expressions(list) : null);
        }
        return attributes;
    }

    private static TensorType Type(GraphTextParser.TypeContext type)
    {
        string name = type.word().GetText();
        ShapeRules.Expect(ElementTypes.TryParse(name, out ElementType element), $"there is no element type {name}");
        EquatableArray<DimExpr> shape = Expressions(type.list()).Select(AttributeText.Dimension).ToEquatableArray();
        ShapeRules.ExpectShape(shape);
        return new TensorType(element, shape);
    }

    private static string[] Expressions(GraphTextParser.ListContext list) => [.. list.expression().Select(e => string.Join(' ', Tokens(e)))];

    private static DimExpr Expression(GraphTextParser.ExpressionContext expression) => AttributeText.Dimension(string.Join(' ', Tokens(expression)));

    private static IEnumerable<string> Tokens(IParseTree tree) =>
        tree is ITerminalNode terminal ? [terminal.GetText()] : Enumerable.Range(0, tree.ChildCount).SelectMany(i => Tokens(tree.GetChild(i)));

    /// <summary>Marks a name as taken; until its statement succeeds, uses of it are not reported again.</summary>
    private string Declare(ITerminalNode token)
    {
        string name = token.GetText()[1..];
        ShapeRules.Expect(_values.TryAdd(name, null), $"%{name} is defined twice");
        return name;
    }

    private Value? Find(ITerminalNode token) =>
        _values.TryGetValue(token.GetText()[1..], out Value? value) ? value : throw new ShapeException($"{token.GetText()} is not defined above");

    private static string Text(ITerminalNode quoted) =>
        QuotedText.Unquote(quoted.GetText()) ?? throw new ShapeException($"unknown escape in {quoted.GetText()}");

    private static long Bound(GraphTextParser.BoundContext bound) =>
        long.TryParse(bound.GetText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new ShapeException($"{bound.GetText()} exceeds 64 bits");

    private void Attempt(IToken at, Action build)
    {
        try
        {
            build();
        }
        catch (Exception e) when (e is ShapeException or ArithmeticException)
        {
            errors.Report(GraphParser.MeaningCode, e.Message, at);
        }
    }
}
