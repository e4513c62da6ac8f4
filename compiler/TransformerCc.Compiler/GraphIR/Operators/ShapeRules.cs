using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>What the shape rules of the operators have in common: each check throws <see cref="ShapeException"/> with a reason.</summary>
public static class ShapeRules
{
    /// <summary>Tensors of more dimensions are refused: no transformer has them, and hostile files do.</summary>
    public const int MaxRank = 16;

    /// <summary>Terms of a product of dimensions, and characters of one dimension: expressions of hostile files grow without end.</summary>
    private const int MaxTerms = 4096, MaxDimensionText = 4096;

    /// <summary>The result types of an operator; also arithmetic overflow is a <see cref="ShapeException"/>.</summary>
    public static EquatableArray<TensorType> Infer(Operator op, IEnumerable<Value> inputs)
    {
        try
        {
            return op.Infer(inputs.Select(v => v.Type).ToEquatableArray());
        }
        catch (ArithmeticException e)
        {
            throw new ShapeException($"sizes of {op.Name} cannot be computed: {e.Message}");
        }
    }

    /// <summary>The number of elements, refused before it multiplies out to too many terms.</summary>
    public static DimExpr ElementCount(EquatableArray<DimExpr> shape)
    {
        DimExpr count = DimExpr.One;
        foreach (DimExpr d in shape)
        {
            Expect((long)count.Terms.Length * d.Terms.Length <= MaxTerms, $"too many terms in the number of elements of {shape}");
            count *= d;
        }
        return count;
    }

    [DoesNotReturn]
    public static void Fail(string message) => throw new ShapeException(message);

    public static void Expect([DoesNotReturnIf(false)] bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref FailureText message)
    {
        if (!condition)
        {
            throw new ShapeException(message.ToStringAndClear());
        }
    }

    /// <inheritdoc cref="Expect(bool, ref FailureText)"/>
    public static void Expect([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            throw new ShapeException(message);
        }
    }

    public static void ExpectOperands(EquatableArray<TensorType> inputs, int count, string names) =>
        Expect(inputs.Count == count, $"takes {count} operands ({names}), {inputs.Count} given");

    public static void ExpectFloat(TensorType type, string operand) =>
        Expect(type.Element.IsFloat(), $"{operand} must be a float tensor, is {type}");

    public static void ExpectSameElement(TensorType a, TensorType b, string first, string second) =>
        Expect(a.Element == b.Element, $"{first} is {a.Element.Name()}, {second} is {b.Element.Name()}: element types must be equal");

    public static void ExpectRank(TensorType type, int rank, string operand) =>
        Expect(type.Rank == rank, $"{operand} must have {rank} dimensions, is {type}");

    public static void ExpectAxis(long axis, int rank) =>
        Expect(axis >= 0 && axis < rank, $"axis {axis} of a tensor of {rank} dimensions");

    public static void ExpectEqual(DimExpr a, DimExpr b, string first, string second)
    {
        if (a != b)
        {
            throw new ShapeException($"{first} is {a}, {second} is {b}: they must be equal") { Differing = (a, b) };
        }
    }

    public static void ExpectShape(EquatableArray<DimExpr> shape)
    {
        Expect(shape.Count <= MaxRank, $"a tensor of {shape.Count} dimensions; at most {MaxRank} are supported");
        foreach (DimExpr d in shape)
        {
            Expect(d.ToString().Length <= MaxDimensionText, $"a dimension of more than {MaxDimensionText} characters");
            Expect(d.ConstantValue is not < 0, $"negative dimension in {shape}");
        }
    }

    public static EquatableArray<TensorType> One(ElementType element, EquatableArray<DimExpr> shape)
    {
        ExpectShape(shape);
        return [new TensorType(element, shape)];
    }

    public static EquatableArray<TensorType> One(TensorType type) => [type];
}
