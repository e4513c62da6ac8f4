using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>Questions that patterns ask about values, answered by meaning rather than by one spelling.</summary>
internal static class Match
{
    /// <summary>Exporters print constants such as √2 and 0.044715 with few digits.</summary>
    private const double Tolerance = 1e-3;

    /// <summary>Constants of more elements are data, not one number written many times.</summary>
    private const int UniformElements = 4096;

    public static bool Near(double value, double expected) => Math.Abs(value - expected) <= Tolerance * Math.Abs(expected);

    public static bool Node<T>(Value value, out Node node, out T op) where T : Operator
    {
        node = value.Producer!;
        op = (node?.Op as T)!;
        return op is not null;
    }

    /// <summary>A constant matrix, or the transpose of one: weights of a product.</summary>
    public static bool IsWeight(Value value) => (value.IsConstant && value.Type.Rank == 2) || IsTransposedWeight(value);

    /// <summary>The transpose of a constant float matrix, which may be in quantised blocks.</summary>
    public static bool IsTransposedWeight(Value value) =>
        Node(value, out Node node, out Transpose op) && op.Permutation == [1, 0] && value.Type.Element.IsFloat()
        && (node.Inputs[0].IsConstant || (Node(node.Inputs[0], out Node blocks, out DequantizeBlocks _) && blocks.Inputs[0].IsConstant));

    public static bool Unary(Value value, UnaryOp function, out Value x)
    {
        x = value;
        if (value.Producer is not { Op: Unary op } node || op.Function != function)
        {
            return false;
        }
        x = node.Inputs[0];
        return true;
    }

    public static bool Binary(Value value, BinaryOp function, out Value a, out Value b)
    {
        a = b = value;
        if (value.Producer is not { Op: Binary op } node || op.Function != function)
        {
            return false;
        }
        (a, b) = (node.Inputs[0], node.Inputs[1]);
        return true;
    }

    /// <summary>The number that every element is, if it is a constant known here: also behind broadcasts, reshapes and casts.</summary>
    public static double? Uniform(Value value)
    {
        while (value.Producer is { Op: Broadcast or Reshape or Cast { To: ElementType.F32 or ElementType.F64 } } node)
        {
            value = node.Inputs[0];
        }
        if (value.ConstantData is not { Count: > 0 and <= UniformElements } data)
        {
            return null;
        }
        double[] elements = TensorMath.Doubles(data);
        return Array.TrueForAll(elements, e => e.Equals(elements[0])) ? elements[0] : null;
    }

    /// <summary>value = x ∘ c or c ∘ x for a commutative ∘, with the shape of x.</summary>
    public static bool WithScalar(Value value, BinaryOp commutative, out Value x, out double scalar)
    {
        scalar = 0;
        x = value;
        if (!Binary(value, commutative, out Value a, out Value b))
        {
            return false;
        }
        (Value other, double? number) = Uniform(b) is { } right ? (a, right) : (b, Uniform(a));
        if (number is not { } found || other.Type.Shape != value.Type.Shape)
        {
            return false;
        }
        (x, scalar) = (other, found);
        return true;
    }

    /// <summary>value = x·factor by a multiplication or division by a constant.</summary>
    public static bool Scaled(Value value, out Value x, out double factor)
    {
        if (WithScalar(value, BinaryOp.Mul, out x, out factor))
        {
            return true;
        }
        if (!value.Type.Element.IsFloat() || !Binary(value, BinaryOp.Div, out x, out Value divisor) || Uniform(divisor) is not { } d || d == 0 || x.Type.Shape != value.Type.Shape)
        {
            return false;
        }
        factor = 1 / d;
        return true;
    }

    public static bool AllConstant(IEnumerable<DimExpr> shape) => shape.All(d => d.IsConstant);

    public static long[] Sizes(EquatableArray<DimExpr> shape) => [.. shape.Select(d => d.ConstantValue!.Value)];

    /// <summary>The shape without its last <paramref name="count"/> dimensions.</summary>
    public static EquatableArray<DimExpr> Leading(EquatableArray<DimExpr> shape, int count) => shape.Take(shape.Count - count).ToEquatableArray();

    /// <summary>Whether an attribute of the operator holds a symbol, so that the operator has no value at compile time.</summary>
    public static bool HasSymbols(Operator op)
    {
        var finder = new SymbolFinder();
        op.Attributes(finder);
        return finder.Found;
    }

    private sealed class SymbolFinder : IAttributeVisitor
    {
        public bool Found { get; private set; }

        public void Dims(string name, EquatableArray<DimExpr> values) => Found |= !AllConstant(values);

        public void Integer(string name, long value) { }

        public void Float(string name, double value) { }

        public void Flag(string name, bool value) { }

        public void Word(string name, string value) { }

        public void Integers(string name, EquatableArray<long> values) { }
    }
}
