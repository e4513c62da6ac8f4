using System.Collections.Frozen;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Every operator: the only place of registration. The text form is read through it.</summary>
public static class OperatorSet
{
    /// <summary>Name in the text form to the constructor from attributes.</summary>
    public static FrozenDictionary<string, Func<IAttributeReader, Operator>> All { get; } = new[]
    {
        // element by element
        Entry<Unary>(), Entry<Binary>(), Entry<Select>(), Entry<Cast>(), Entry<Gated>(), Entry<DequantizeBlocks>(),
        // data movement
        Entry<Reshape>(), Entry<Transpose>(), Entry<Broadcast>(), Entry<Slice>(), Entry<Concat>(), Entry<Pad>(), Entry<Gather>(), Entry<Scatter>(), Entry<Trilu>(),
        // values made from shapes
        Entry<Iota>(), Entry<ShapeValue>(),
        // along an axis
        Entry<Reduce>(), Entry<Softmax>(), Entry<CumSum>(), Entry<TopK>(),
        // contraction
        Entry<MatMul>(), Entry<Linear>(), Entry<ExpertLinear>(), Entry<Conv>(),
        // composites of transformers
        Entry<Norm>(), Entry<Rope>(), Entry<Attention>(), Entry<CacheAppend>(), Entry<CachedAttention>(),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static KeyValuePair<string, Func<IAttributeReader, Operator>> Entry<T>() where T : Operator, IOperator<T> => new(T.OperatorName, T.Read);
}
