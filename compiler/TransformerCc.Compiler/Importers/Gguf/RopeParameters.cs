namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>How positions become angles: {arch}.rope.*.</summary>
/// <param name="Dimensions">Leading elements of a head that are rotated.</param>
/// <param name="Base">θ: the angle of pair j at position p is p·θ^(−2j / Dimensions).</param>
/// <param name="Factor">Positions are divided by it.</param>
/// <param name="Yarn">How YaRN spares fast pairs; null: all pairs are scaled alike.</param>
/// <param name="OriginalContext">The context before the model was stretched; null: the model's.</param>
/// <param name="Magnitude">Factor of cos and sin.</param>
internal sealed record RopeParameters(long Dimensions, double Base, double Factor, YarnParameters? Yarn, long? OriginalContext, double Magnitude)
{
    private const long MostContext = 1L << 31;

    /// <summary>The rotation in layers with a window, where it is another.</summary>
    public RopeParameters? Local { get; init; }

    public static RopeParameters Read(ModelMetadata keys, Architecture architecture, long headWidth)
    {
        long dimensions = keys.Size(ModelKeys.RopeDimensions, headWidth, headWidth);
        if (dimensions % 2 != 0)
        {
            keys.Refuse(ModelKeys.RopeDimensions, $"{dimensions} elements cannot be rotated in pairs");
        }
        string scaling = keys.Text(ModelKeys.RopeScaling, "linear");
        if (scaling is not ("none" or "linear" or "yarn" or "longrope"))
        {
            keys.Refuse(ModelKeys.RopeScaling, $"'{scaling}' is not supported", "none, linear, yarn and longrope are");
        }
        // The second key is that of early files.
        double factor = keys.NumberOrNone(ModelKeys.RopeFactor, keys.NumberOrNone(ModelKeys.RopeScaleLinear, 0));
        var rope = new RopeParameters(
            dimensions,
            keys.Number(ModelKeys.RopeBase, 1, 10_000),
            scaling == "none" || factor == 0 ? 1 : factor,
            YarnParameters.Read(keys, scaling == "yarn"),
            keys.Has(ModelKeys.RopeOriginalContext) ? keys.Size(ModelKeys.RopeOriginalContext, MostContext) : null,
            keys.Number(ModelKeys.RopeMagnitude, 0, 1));
        if (architecture.Window?.LocalRope is not { } local)
        {
            return rope;
        }
        double localBase = keys.Number(ModelKeys.LocalRopeBase, 1, local.Base ?? rope.Base);
        return rope with { Local = rope with { Base = localBase, Factor = local.IsScaled ? rope.Factor : 1 } };
    }
}
