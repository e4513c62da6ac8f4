namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>How positions become angles: {arch}.rope.*.</summary>
/// <param name="Dimensions">Leading elements of a head that are rotated.</param>
/// <param name="Base">θ: the angle of pair j at position p is p·θ^(−2j / Dimensions).</param>
/// <param name="LocalBase">The base of layers with a window, where the file gives one.</param>
/// <param name="Factor">Positions are divided by it.</param>
/// <param name="IsYarn">Whether only slow pairs are, as YaRN has it.</param>
/// <param name="OriginalContext">The context before the model was stretched.</param>
/// <param name="Magnitude">Factor of cos and sin.</param>
internal sealed record RopeParameters(long Dimensions, double Base, double? LocalBase, double Factor, bool IsYarn, long? OriginalContext, double Magnitude)
{
    private const long MostContext = 1L << 31;

    public static RopeParameters Read(ModelMetadata keys, long headWidth)
    {
        long dimensions = keys.Size("rope.dimension_count", headWidth, headWidth);
        if (dimensions % 2 != 0)
        {
            keys.Refuse("rope.dimension_count", $"{dimensions} elements cannot be rotated in pairs");
        }
        string scaling = keys.Text("rope.scaling.type", "linear");
        if (scaling is not ("none" or "linear" or "yarn" or "longrope"))
        {
            keys.Refuse("rope.scaling.type", $"'{scaling}' is not supported", "none, linear, yarn and longrope are");
        }
        // The second key is that of early files.
        double factor = keys.Number("rope.scaling.factor", 0, keys.Number("rope.scale_linear", 0, 1));
        return new(
            dimensions,
            keys.Number("rope.freq_base", 1, 10_000),
            keys.Has("rope.freq_base_swa") ? keys.Number("rope.freq_base_swa", 1) : null,
            scaling == "none" ? 1 : factor,
            scaling == "yarn",
            keys.Has("rope.scaling.original_context_length") ? keys.Size("rope.scaling.original_context_length", MostContext) : null,
            keys.Number("rope.scaling.attn_factor", 0, 1));
    }
}
