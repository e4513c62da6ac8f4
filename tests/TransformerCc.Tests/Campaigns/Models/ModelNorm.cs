using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>A normalisation of the last axis as exporters spell it.</summary>
internal static class ModelNorm
{
    /// <summary>Large enough that a row of nearly equal elements does not amplify rounding without limit.</summary>
    private const float Epsilon = 1e-2f;

    public static string Make(ModelContext c, string x, long width)
    {
        ModelSketch s = c.Sketch;
        float epsilon = c.Choices.Pick(Epsilon, 1e-1f);
        string scale = s.Scale(width);
        switch (c.Choices.Below(5))
        {
            case 1:
                return s.Op("LayerNormalization", $"{x} {scale}", Float("epsilon", epsilon), Int("axis", -1));
            case 2:
                string centred = s.Op("Sub", $"{x} {s.Mean(x, -1)}");
                string squares = c.Choices.OneIn(2) ? s.Op("Mul", $"{centred} {centred}") : s.Op("Pow", $"{centred} {s.Number(2)}");
                string deviation = s.Op("Sqrt", s.Op("Add", $"{s.Mean(squares, -1)} {s.Number(epsilon)}"));
                string y = s.Op("Mul", $"{s.Op("Div", $"{centred} {deviation}")} {scale}");
                return c.Choices.OneIn(2) ? s.Op("Add", $"{y} {s.Weight(0.3, width)}") : y;
            case 3:
                string square = s.Op("Pow", $"{x} {s.Number(2)}");
                string root = s.Op("Sqrt", s.Op("Add", $"{s.Mean(square, -1)} {s.Number(epsilon)}"));
                string normal = c.Choices.OneIn(2) ? s.Op("Div", $"{x} {root}") : s.Op("Mul", $"{x} {s.Op("Reciprocal", root)}");
                return s.Op("Mul", $"{scale} {normal}");
            case 4:
                return s.Opset >= 23 ? s.Op("RMSNormalization", $"{x} {scale}", Float("epsilon", epsilon), Int("axis", -1)) : s.Op("SimplifiedLayerNormalization", $"{x} {scale}", Float("epsilon", epsilon), Int("axis", -1));
            default:
                return s.Op("LayerNormalization", $"{x} {scale} {s.Weight(0.3, width)}", Float("epsilon", epsilon), Int("axis", -1));
        }
    }
}
