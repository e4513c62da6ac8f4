using System.Globalization;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Stages;

/// <summary>The first element at which two tensors differ by more than they may.</summary>
/// <param name="Index">Of the element, along each axis.</param>
internal sealed record TensorDifference(IReadOnlyList<long> Index, double Before, double After)
{
    /// <summary>Null when they agree within the tolerance.</summary>
    public static TensorDifference? Find(Tensor before, Tensor after, StageTolerance tolerance)
    {
        if (tolerance.Rule is not { } rule || !before.Type.IsFloat())
        {
            return FirstOf(before, after, i => !ElementBytes(before, i).SequenceEqual(ElementBytes(after, i)));
        }
        OutputComparison comparison = OutputComparison.Compare("", after, before, rule);
        if (comparison.Passed)
        {
            return null;
        }
        (double[] b, double[] a) = (TensorMath.Doubles(before), TensorMath.Doubles(after));
        Tolerance own = rule.For(before.Type);
        // Where only the direction is wrong, the largest error is as good as any.
        return FirstOf(before, after, i => !(ErrorMeasures.ErrorOf(a[i], b[i]) <= own.Allowed(b[i], comparison.Errors.MaxGolden)))
            ?? FirstOf(before, after, i => ErrorMeasures.ErrorOf(a[i], b[i]) >= comparison.Errors.MaxAbsolute);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"element [{string.Join(", ", Index)}] was {Before:G9} and is {After:G9}");

    private static TensorDifference? FirstOf(Tensor before, Tensor after, Func<int, bool> differs)
    {
        for (int i = 0; i < before.Count; i++)
        {
            if (differs(i))
            {
                return new TensorDifference(IndexOf(before, i), TensorMath.Doubles(before)[i], TensorMath.Doubles(after)[i]);
            }
        }
        return null;
    }

    private static ReadOnlySpan<byte> ElementBytes(Tensor tensor, int i) => tensor.Data.Span.Slice(i * tensor.Type.Size(), tensor.Type.Size());

    /// <summary>Where an element stands along each axis.</summary>
    internal static long[] IndexOf(Tensor tensor, long element)
    {
        var index = new long[tensor.Rank];
        for (int axis = tensor.Rank - 1; axis >= 0; axis--)
        {
            (element, index[axis]) = Math.DivRem(element, tensor.Shape[axis]);
        }
        return index;
    }
}
