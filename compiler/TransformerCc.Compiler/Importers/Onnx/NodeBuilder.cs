using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>The graph nodes that operators are translated into, in short words.</summary>
internal sealed partial class NodeContext
{
    /// <summary>Adds a node to the graph, marked as coming from this node of the model.</summary>
    public Value Emit(Operator op, params ReadOnlySpan<Value> inputs)
    {
        Value result = EmitNode(op, inputs).Output;
        if (result.Type.Element == ElementType.F64 && op is GraphIR.Operators.Unary or GraphIR.Operators.Binary or GraphIR.Operators.Reduce
            or GraphIR.Operators.MatMul or GraphIR.Operators.Conv or GraphIR.Operators.Softmax or GraphIR.Operators.CumSum or GraphIR.Operators.Norm or GraphIR.Operators.Attention or GraphIR.Operators.Rope)
        {
            session.NoteDoubleArithmetic(Label);
        }
        return result;
    }

    /// <summary>The same for an operator with several results.</summary>
    public Node EmitNode(Operator op, params ReadOnlySpan<Value> inputs) =>
        session.Graph.Add(op, inputs.ToArray(), [Label], scope.Prefix + (proto.Output.FirstOrDefault(o => o.Length > 0) ?? proto.OpType));

    public Value Unary(UnaryOp function, Value x) => Emit(new Unary(function), x);

    public Value Binary(BinaryOp function, Value a, Value b) => Emit(new Binary(function), a, b);

    public Value Add(Value a, Value b) => Binary(BinaryOp.Add, a, b);

    public Value Subtract(Value a, Value b) => Binary(BinaryOp.Sub, a, b);

    public Value Multiply(Value a, Value b) => Binary(BinaryOp.Mul, a, b);

    public Value Divide(Value a, Value b) => Binary(BinaryOp.Div, a, b);

    public Value Select(Value condition, Value a, Value b) => Emit(new Select(), condition, a, b);

    public Value Reduce(ReduceOp function, Value x, IEnumerable<long> axes, bool keepDims) => Emit(new Reduce(function, axes.ToEquatableArray(), keepDims), x);

    public Value Cast(Value x, ElementType to) => x.Type.Element == to ? x : Emit(new Cast(to), x);

    public Value Reshape(Value x, IEnumerable<DimExpr> shape)
    {
        EquatableArray<DimExpr> target = shape.ToEquatableArray();
        return x.Type.Shape == target ? x : Emit(new Reshape(target), x);
    }

    public Value Broadcast(Value x, IEnumerable<DimExpr> shape)
    {
        EquatableArray<DimExpr> target = shape.ToEquatableArray();
        return x.Type.Shape == target ? x : Emit(new Broadcast(target), x);
    }

    public Value Transpose(Value x, params ReadOnlySpan<long> permutation) => Emit(new Transpose(EquatableArray.Create(permutation)), x);

    /// <summary>Slices one axis; the others stay whole.</summary>
    public Value SliceAxis(Value x, int axis, DimExpr start, DimExpr size) => Emit(new Slice(
        x.Type.Shape.Select((_, i) => i == axis ? start : DimExpr.Zero).ToEquatableArray(),
        x.Type.Shape.Select((d, i) => i == axis ? size : d).ToEquatableArray(),
        x.Type.Shape.Select(_ => 1L).ToEquatableArray()), x);

    /// <summary>A constant without dimensions.</summary>
    public Value Scalar(ElementType type, double value) => session.Graph.Constant(TensorMath.FromDoubles(type, [], [value]), Label);

    /// <summary>A length as an i64 without dimensions.</summary>
    public Value Length(DimExpr length) => length.ConstantValue is { } value ? Scalar(ElementType.I64, value) : Emit(new ShapeValue([length], []));

    public Value Constant(Tensor tensor) => session.Graph.Constant(tensor, Label);
}
