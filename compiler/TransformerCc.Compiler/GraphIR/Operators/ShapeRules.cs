using System.Diagnostics.CodeAnalysis;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>What the shape rules of the operators have in common: each check throws <see cref="ShapeException"/> with a reason.</summary>
public static class ShapeRules
{
    /// <summary>Tensors of more dimensions are refused: no transformer has them, and hostile files do.</summary>
    public const int MaxRank = 16;

    [DoesNotReturn]
    public static void Fail(string message) => throw new ShapeException(message);

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

    public static void ExpectEqual(DimExpr a, DimExpr b, string first, string second) =>
        Expect(a == b, $"{first} is {a}, {second} is {b}: they must be equal");

    public static void ExpectShape(EquatableArray<DimExpr> shape)
    {
        Expect(shape.Count <= MaxRank, $"a tensor of {shape.Count} dimensions; at most {MaxRank} are supported");
        foreach (DimExpr d in shape)
        {
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
