using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Builds the graphs of the tests, one short call for each node. Every node's source is its number, n0, n1, …</summary>
internal sealed class Sketch
{
    private int _next;

    public Sketch(params string[] symbols)
    {
        foreach (string symbol in symbols)
        {
            Graph.Dimensions[symbol] = new DimInterval(1, 16);
        }
    }

    public Graph Graph { get; } = new("sketch");

    public static DimExpr Dim(string symbol) => DimExpr.Symbol(symbol);

    public Value Input(string name, params DimExpr[] shape) => Graph.AddInput(name, new TensorType(ElementType.F32, shape.ToEquatableArray()));

    public Value Number(double value) => Graph.Constant(TensorMath.FromDoubles(ElementType.F32, [], [value]), "number");

    public Value Constant(string name, long[] shape, Func<long, double> element)
    {
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        for (long i = 0; i < values.Length; i++)
        {
            values[i] = element(i);
        }
        return Graph.Constant(TensorMath.FromDoubles(ElementType.F32, shape, values), name);
    }

    /// <summary>Weights: different for every name.</summary>
    public Value Weights(string name, params long[] shape)
    {
        int seed = name.Sum(c => c);
        return Constant(name, shape, i => Math.Sin((seed * 31.7) + (i * 1.37)) / 2);
    }

    /// <summary>1 where the column is at most the row, else 0.</summary>
    public Value Triangle(long size, double inside, double outside, int rank = 2) =>
        Constant("triangle", [.. Enumerable.Repeat(1L, rank - 2), size, size], i => i % size <= i / size ? inside : outside);

    public Value Unary(UnaryOp op, Value x) => Node(new Unary(op), x);

    public Value Binary(BinaryOp op, Value a, Value b) => Node(new Binary(op), a, b);

    public Value Add(Value a, Value b) => Binary(BinaryOp.Add, a, b);

    public Value Sub(Value a, Value b) => Binary(BinaryOp.Sub, a, b);

    public Value Mul(Value a, Value b) => Binary(BinaryOp.Mul, a, b);

    public Value Div(Value a, Value b) => Binary(BinaryOp.Div, a, b);

    public Value Mul(Value a, double b) => Mul(a, Number(b));

    public Value Add(Value a, double b) => Add(a, Number(b));

    public Value Pow(Value a, double b) => Binary(BinaryOp.Pow, a, Number(b));

    public Value Mean(Value x) => Node(new Reduce(ReduceOp.Mean, [x.Type.Rank - 1], true), x);

    public Value Cast(ElementType to, Value x) => Node(new Cast(to), x);

    public Value MatMul(Value a, Value b) => Node(new MatMul(), a, b);

    public Value Softmax(Value x) => Node(new Softmax(x.Type.Rank - 1), x);

    public Value Reshape(Value x, params DimExpr[] shape) => Node(new Reshape(shape.ToEquatableArray()), x);

    public Value Broadcast(Value x, params DimExpr[] shape) => Node(new Broadcast(shape.ToEquatableArray()), x);

    public Value Transpose(Value x, params long[] permutation) => Node(new Transpose(permutation.ToEquatableArray()), x);

    public Value Concat(int axis, params Value[] parts) => Node(new Concat(axis), parts);

    public Value Select(Value condition, Value a, Value b) => Node(new Select(), condition, a, b);

    public Value Gather(int axis, Value data, Value indices) => Node(new Gather(axis), data, indices);

    public Value Iota(int axis, params DimExpr[] shape) => Node(new Iota(ElementType.I64, shape.ToEquatableArray(), axis, 0, 1));

    /// <summary>A slice of one dimension.</summary>
    public Value Slice(Value x, int axis, DimExpr start, DimExpr size, long step = 1)
    {
        DimExpr[] starts = [.. x.Type.Shape.Select(_ => DimExpr.Zero)], sizes = [.. x.Type.Shape];
        long[] steps = [.. sizes.Select(_ => 1L)];
        (starts[axis], sizes[axis], steps[axis]) = (start, size, step);
        return Node(new Slice(starts.ToEquatableArray(), sizes.ToEquatableArray(), steps.ToEquatableArray()), x);
    }

    public Sketch Output(params Value[] values)
    {
        foreach (Value value in values)
        {
            Graph.Outputs.Add(new GraphOutput($"out{Graph.Outputs.Count}", value));
        }
        return this;
    }

    public Value Node(Operator op, params Value[] inputs) => Graph.Add(op, inputs, [$"n{_next++}"]).Output;
}
