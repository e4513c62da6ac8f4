using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The nodes that models are made of: each method adds a few to the graph and names the tensor they come from.</summary>
internal sealed class GraphParts(Graph graph)
{
    private const string Weight = ".weight";

    private readonly Dictionary<string, Value> _constants = new(StringComparer.Ordinal);

    public Graph Graph => graph;

    /// <summary>A node that comes from a tensor, or from a part of the model with a name of the same form.</summary>
    public Value Add(Operator op, string source, params IReadOnlyList<Value> inputs) =>
        graph.Add(op, inputs, [source], source.EndsWith(Weight, StringComparison.Ordinal) ? source[..^Weight.Length] : source).Outputs[0];

    /// <summary>A tensor of the file; the same one is the same constant.</summary>
    public Value Constant(GgufTensor tensor)
    {
        if (!_constants.TryGetValue(tensor.Name, out Value? value))
        {
            _constants[tensor.Name] = value = graph.Constant(tensor.ToTensor(), tensor.Name);
        }
        return value;
    }

    /// <summary>x·wᵀ + bias: the rows of w are the columns of the result.</summary>
    public Value Linear(Value x, GgufTensor w, GgufTensor? bias)
    {
        var op = new Linear(null, bias is not null, HasResidual: false, Transposed: true, w.Type.Blocks);
        return bias is null ? Add(op, w.Name, x, Constant(w)) : Add(op, w.Name, x, Constant(w), Constant(bias));
    }

    /// <summary>Rows of a table of embeddings, as f32.</summary>
    public Value Rows(GgufTensor table, Value indices)
    {
        Value rows = Constant(table);
        if (table.Type.Blocks is { } blocks)
        {
            rows = Add(new DequantizeBlocks(blocks, table.Columns), table.Name, rows);
        }
        Value gathered = Add(new Gather(0), table.Name, rows, indices);
        return gathered.Type.Element == ElementType.F32 ? gathered : Add(new Cast(ElementType.F32), table.Name, gathered);
    }

    public Value Norm(Value x, NormKind kind, double epsilon, GgufTensor scale, GgufTensor? shift)
    {
        var op = new Norm(kind, epsilon, shift is not null);
        return shift is null ? Add(op, scale.Name, x, Constant(scale)) : Add(op, scale.Name, x, Constant(scale), Constant(shift));
    }

    public Value Sum(Value a, Value b, string source) => Add(new Binary(BinaryOp.Add), source, a, b);

    public Value Product(Value a, Value b, string source) => Add(new Binary(BinaryOp.Mul), source, a, b);

    public Value Scale(Value x, double factor, string source) => factor == 1 ? x : Add(new Unary(UnaryOp.Scale, (float)factor), source, x);

    public Value Reshape(Value x, string source, params DimExpr[] shape) => Add(new Reshape(shape.ToEquatableArray()), source, x);

    public Value Gather(Value x, Value indices, string source) => Add(new Gather(0), source, x, indices);

    public Value Number(long value, string name) => graph.Constant(Tensor.From<long>(ElementType.I64, [], [value]), name);

    /// <summary>start, start + step, …: i64 [count].</summary>
    public Value Ramp(DimExpr count, string source) => Add(new Iota(ElementType.I64, [count], 0, DimExpr.Zero, 1), source);

    /// <summary>The values of expressions: i64 [1].</summary>
    public Value Size(DimExpr size, string source) => Add(new ShapeValue([size], [1]), source);
}
