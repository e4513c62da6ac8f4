using static TransformerCc.Tests.Campaigns.Models.ModelSketch;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>From the inputs to [batch, length, width].</summary>
internal static class ModelStem
{
    public static string Make(ModelContext c)
    {
        string x = c.Choices.Below(4) switch
        {
            1 => Tokens(c, I32),
            2 => c.Linear(c.FloatInput("features", c.Batch.Declared, c.Length.Declared, 9), 9, c.Width),
            3 => Convolution(c),
            _ => Tokens(c, I64),
        };
        if (c.Choices.OneIn(3))
        {
            x = Positions(c, x);
        }
        return c.Choices.OneIn(4) ? ModelNorm.Make(c, x, c.Width) : x;
    }

    private static string Tokens(ModelContext c, int type)
    {
        c.Vocabulary = c.Choices.Pick(5, 1, 2, 11, 33, 130);
        c.Table = c.Sketch.Weight(1, c.Vocabulary, c.Width);
        string x = c.Sketch.Op("Gather", $"{c.Table} {c.Input("tokens", type, c.Batch.Declared, c.Length.Declared)}", Int("axis", 0));
        return c.Choices.OneIn(6) ? c.Sketch.Op("Mul", $"{x} {c.Sketch.Number(MathF.Sqrt(c.Width))}") : x;
    }

    /// <summary>Over time, as in audio encoders.</summary>
    private static string Convolution(ModelContext c)
    {
        long channels = c.Choices.Pick(1, 3, 8), kernel = c.Choices.Pick(1, 3, 5);
        string x = c.FloatInput("samples", c.Batch.Declared, channels, c.Length.Declared);
        string y = c.Sketch.Op("Conv", $"{x} {c.Sketch.Weight(Math.Sqrt(3.0 / (channels * kernel)), c.Width, channels, kernel)} {c.Sketch.Weight(0.3, c.Width)}", Ints("kernel_shape", kernel), Ints("pads", kernel / 2, kernel / 2));
        return c.Sketch.Transpose(y, 0, 2, 1);
    }

    private static string Positions(ModelContext c, string x)
    {
        string table = c.Sketch.Weight(1, c.Length.Bound, c.Width);
        string length = c.Sketch.Size(x, 1);
        switch (c.Choices.Below(3))
        {
            case 1:
                string range = c.Sketch.Op("Range", $"{c.Sketch.Long(0)} {c.Sketch.Op("Squeeze", $"{length} {c.Sketch.Longs(0)}")} {c.Sketch.Long(1)}");
                return c.Sketch.Op("Add", $"{x} {c.Sketch.Op("Gather", $"{table} {range}")}");
            case 2:
                string positions = c.Input("positions", I64, c.Batch.Declared, c.Length.Declared);
                return c.Sketch.Op("Add", $"{c.Sketch.Op("Gather", $"{table} {positions}")} {x}");
            default:
                return c.Sketch.Op("Add", $"{x} {c.Sketch.Slice(table, c.Sketch.Longs(0), length, 0)}");
        }
    }
}
