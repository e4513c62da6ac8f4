using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Evaluation;

/// <summary>
/// The reference meaning of a graph: evaluates it node by node with the plain definitions of the operators. The oracle
/// of every later stage, and slow: use it to compare, not to serve.
/// </summary>
public static class GraphEvaluator
{
    public const string EvaluationFailed = "TCC2045", TooLarge = "TCC2046";

    /// <summary>Elements of the largest value: the reference holds them as doubles.</summary>
    private const long MaxElements = 1L << 28;

    /// <summary>The outputs by name, for inputs by name. Intermediate values are dropped after their last use.</summary>
    /// <param name="inputs">Inputs with a fill may be left out.</param>
    /// <param name="dimensions">Values of symbols that the input shapes do not tell.</param>
    /// <param name="observe">Sees every node and its results as they are computed.</param>
    /// <param name="states">Contents of the states, by the names of their inputs: read and replaced. One that is absent begins as zeros.</param>
    /// <exception cref="DiagnosticException">Inputs do not fit, or a node cannot be evaluated (an index out of range, say).</exception>
    public static IReadOnlyDictionary<string, Tensor> Evaluate(
        Graph graph, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long>? dimensions = null, Action<Node, IReadOnlyList<Tensor>>? observe = null, IDictionary<string, Tensor>? states = null)
    {
        Dictionary<string, Tensor> given = inputs.ToDictionary(StringComparer.Ordinal);
        foreach (GraphState state in graph.States)
        {
            if (states?.TryGetValue(state.Input.Name, out Tensor? content) == true)
            {
                given[state.Input.Name] = content;
            }
        }
        IReadOnlyDictionary<string, long> symbols = DimensionBinding.Bind(graph, given, dimensions);
        Dictionary<Value, int> pending = CountUses(graph);
        var values = graph.Inputs.ToDictionary(v => v, v => Input(graph, v, given, symbols));
        foreach (Node node in graph.Nodes)
        {
            Tensor[] operands = [.. node.Inputs.Select(v => v.ConstantData ?? values[v])];
            Tensor[] results = EvaluateNode(node, operands, symbols);
            observe?.Invoke(node, results);
            for (int i = 0; i < results.Length; i++)
            {
                values[node.Outputs[i]] = results[i];
            }
            foreach (Value used in node.Inputs.Concat(node.Outputs).Distinct())
            {
                pending[used] = pending.GetValueOrDefault(used) - (node.Inputs.Contains(used) ? 1 : 0);
                if (pending[used] <= 0)
                {
                    values.Remove(used);
                }
            }
        }
        foreach (GraphState state in states is null ? [] : graph.States)
        {
            states![state.Input.Name] = values[state.Next];
        }
        return graph.Outputs.ToDictionary(o => o.Name, o => o.Value.ConstantData ?? values[o.Value], StringComparer.Ordinal);
    }

    /// <summary>Every input of a model but its states, by name: those that were left out are filled.</summary>
    public static IReadOnlyDictionary<string, Tensor> Inputs(Graph graph, IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, long> dimensions) =>
        graph.Inputs.Where(v => !graph.States.Exists(s => ReferenceEquals(s.Input, v))).ToDictionary(v => v.Name, v => Input(graph, v, given, dimensions), StringComparer.Ordinal);

    /// <summary>An input as given, or filled; a state begins as zeros.</summary>
    public static Tensor Input(Graph graph, Value input, IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, long> symbols) =>
        given.TryGetValue(input.Name, out Tensor? tensor) ? tensor : Filled(graph, input, symbols);

    /// <summary>Evaluates one node; a failure names it.</summary>
    public static Tensor[] EvaluateNode(Node node, IReadOnlyList<Tensor> operands, IReadOnlyDictionary<string, long> dimensions)
    {
        try
        {
            foreach (Value output in node.Outputs)
            {
                ExpectSize(output, TensorMath.Evaluate(output.Type.Shape, dimensions), node);
            }
            Tensor[] results = node.Op.Evaluate(operands, dimensions);
            for (int i = 0; i < results.Length; i++)
            {
                ExpectType(node.Outputs[i], results[i], dimensions);
            }
            return results;
        }
        catch (Exception e) when (e is ShapeException or ArithmeticException or KeyNotFoundException)
        {
            throw new DiagnosticException(Diagnostic.Error(EvaluationFailed, $"{node.Op.Name}: {e.Message}", GraphVerifier.Describe(node)));
        }
    }

    /// <summary>An input that was left out: its fill, pages of its own for every sequence, or zeros for a state.</summary>
    private static Tensor Filled(Graph graph, Value input, IReadOnlyDictionary<string, long> symbols)
    {
        long[] shape = TensorMath.Evaluate(input.Type.Shape, symbols);
        if (Strided.Count(shape) > MaxElements)
        {
            throw new DiagnosticException(Diagnostic.Error(TooLarge, $"{input} would hold {Strided.Count(shape)} elements; the reference evaluates up to {MaxElements}"));
        }
        if (graph.Nodes.Exists(n => n.Op is CacheAppend { Paged: true } && ReferenceEquals(n.Inputs[3], input)))
        {
            return TensorMath.FromLongs(input.Type.Element, shape, [.. Enumerable.Range(0, (int)Strided.Count(shape)).Select(page => (long)page)]);
        }
        return graph.Fills.TryGetValue(input, out DimExpr? fill)
            ? TensorMath.FromLongs(input.Type.Element, shape, [.. Enumerable.Repeat(fill.Evaluate(symbols), (int)Strided.Count(shape))])
            : new Tensor(input.Type.Element, shape, new byte[Strided.Count(shape) * input.Type.Element.Size()]);
    }

    private static Dictionary<Value, int> CountUses(Graph graph)
    {
        var uses = new Dictionary<Value, int>();
        foreach (Value value in graph.Nodes.SelectMany(n => n.Inputs.Distinct()).Concat(graph.Results))
        {
            uses[value] = uses.GetValueOrDefault(value) + 1;
        }
        return uses;
    }

    private static void ExpectSize(Value output, long[] shape, Node node)
    {
        if (shape.Any(d => d < 0))
        {
            throw new ShapeException($"{output} would have the negative dimensions [{string.Join(", ", shape)}]");
        }
        if (Strided.Count(shape) > MaxElements)
        {
            throw new DiagnosticException(Diagnostic.Error(TooLarge, $"{output} would hold {Strided.Count(shape)} elements; the reference evaluates up to {MaxElements}", GraphVerifier.Describe(node)));
        }
    }

    /// <summary>The result must have the type that the graph promises for these dimensions.</summary>
    private static void ExpectType(Value output, Tensor result, IReadOnlyDictionary<string, long> dimensions)
    {
        if (result.Type != output.Type.Element || !result.Shape.SequenceEqual(TensorMath.Evaluate(output.Type.Shape, dimensions)))
        {
            throw new ShapeException($"{output} of type {output.Type} became {TensorType.Of(result)}");
        }
    }
}
