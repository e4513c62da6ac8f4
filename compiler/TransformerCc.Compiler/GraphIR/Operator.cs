using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR;

/// <summary>
/// An operator of the closed set that importers translate into. Attributes are record members; operands are the node's.
/// The shape rule and the reference meaning stand beside the declaration.
/// </summary>
public abstract record Operator
{
    /// <summary>Name in the textual form.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// Result types for operand types. Throws <see cref="ShapeException"/> when operands do not fit: importers turn it
    /// into a diagnostic with the node's name.
    /// </summary>
    public abstract EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs);

    /// <summary>The reference meaning: plain loops, float64 where it matters. <paramref name="dimensions"/> gives every symbol a value.</summary>
    public abstract Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions);

    /// <summary>Shows every attribute to a visitor: printer and parser derive from it.</summary>
    public abstract void Attributes(IAttributeVisitor visitor);
}

/// <summary>Static side: builds an operator from attributes that a parser supplies.</summary>
public interface IOperator<TSelf> where TSelf : Operator, IOperator<TSelf>
{
    static abstract string OperatorName { get; }

    static abstract TSelf Read(IAttributeReader reader);
}

/// <summary>Receives attributes in declaration order.</summary>
public interface IAttributeVisitor
{
    void Integer(string name, long value);
    void Float(string name, double value);
    void Flag(string name, bool value);
    void Word(string name, string value);
    void Integers(string name, EquatableArray<long> values);
    void Dims(string name, EquatableArray<DimExpr> values);
}

/// <summary>Supplies attributes by name. A missing attribute throws <see cref="ShapeException"/>; flags default to false.</summary>
public interface IAttributeReader
{
    long Integer(string name);
    double Float(string name);
    bool Flag(string name);
    string Word(string name);
    EquatableArray<long> Integers(string name);
    EquatableArray<DimExpr> Dims(string name);
    bool Has(string name);
}

/// <summary>Operands or attributes that do not fit an operator; the message says which and why.</summary>
public sealed class ShapeException(string message) : Exception(message)
{
    /// <summary>The two dimensions that would have to be equal, where that is what is wrong.</summary>
    public (DimExpr First, DimExpr Second)? Differing { get; init; }
}
