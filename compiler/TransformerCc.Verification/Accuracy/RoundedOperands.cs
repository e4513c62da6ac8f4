using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Accuracy;

/// <summary>What the matrix engine rounds to the compile precision before it multiplies.</summary>
internal static class RoundedOperands
{
    /// <summary>Operands of a node that are rounded; what is stored in blocks or caches has a format of its own.</summary>
    private static int[] Of(Operator op) => op switch
    {
        Linear { Weights: null } or MatMul or Conv => [0, 1],
        Linear => [0],
        ExpertLinear { Weights: null } => [0, 1],
        ExpertLinear => [0],
        Attention => [0, 1, 2],
        CachedAttention => [0],
        _ => [],
    };

    public static bool HasAny(Node node) => Of(node.Op).Length > 0;

    /// <summary>The operands as the matrix engine gets them, and how many finite elements the format cannot hold.</summary>
    public static (Tensor[] Operands, long Saturated) Round(Node node, IReadOnlyList<Tensor> operands, Precision precision)
    {
        Tensor[] rounded = [.. operands];
        long saturated = 0;
        foreach (int i in precision == Precision.BF16 ? Of(node.Op) : [])
        {
            if (operands[i].Type == ElementType.F32)
            {
                (rounded[i], long lost) = ToBF16(operands[i]);
                saturated += lost;
            }
        }
        return (rounded, saturated);
    }

    private static (Tensor Rounded, long Saturated) ToBF16(Tensor tensor)
    {
        float[] values = tensor.AsSpan<float>().ToArray();
        long saturated = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float value = NumericFormat.FromBF16(NumericFormat.ToBF16(values[i]));
            saturated += float.IsFinite(values[i]) && !float.IsFinite(value) ? 1 : 0;
            values[i] = value;
        }
        return (Tensor.From<float>(ElementType.F32, tensor.Shape, values), saturated);
    }
}
