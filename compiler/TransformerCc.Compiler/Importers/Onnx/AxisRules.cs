namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>Axes as ONNX counts them: negative ones from the end. The graph counts from the front only.</summary>
internal static class AxisRules
{
    public static int Normalize(long axis, int rank) => axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis)
        : throw ImportException.Invalid($"axis {axis} of a tensor of {rank} dimensions");

    /// <summary>Several axes, in ascending order and each once.</summary>
    public static long[] Normalize(IEnumerable<long> axes, int rank) => [.. axes.Select(a => (long)Normalize(a, rank)).Distinct().Order()];
}
