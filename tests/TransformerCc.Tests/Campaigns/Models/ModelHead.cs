using static TransformerCc.Tests.Campaigns.Models.ModelSketch;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>From the last layer to the outputs.</summary>
internal static class ModelHead
{
    public static void Make(ModelContext c, string x)
    {
        ModelSketch s = c.Sketch;
        if (c.Choices.OneIn(2))
        {
            x = ModelNorm.Make(c, x, c.Width);
        }
        int pooling = c.Choices.Below(6);
        x = pooling switch
        {
            1 => s.Slice(x, -1, int.MaxValue, 1),
            2 => s.Mean(x, 1),
            3 => s.Slice(x, 0, 1, 1),
            4 => MaskedMean(c, x),
            _ => x,
        };
        x = c.Choices.Below(4) switch
        {
            1 => c.Linear(x, c.Width, c.Choices.Pick(2, 1, 7, 50)),
            2 when c.Table is not null => s.Op("MatMul", $"{x} {s.Transpose(c.Table, 1, 0)}"),
            3 => s.Op(c.Choices.Pick("Softmax", "LogSoftmax"), c.Linear(x, c.Width, c.Choices.Pick(2, 5, 33)), Int("axis", -1)),
            _ => x,
        };
        // An output of its own: a value may be another one already.
        string name = "result";
        s.Model.Node("Identity", x, name).Output(name, F32, "b", "n", "w");
    }

    private static string MaskedMean(ModelContext c, string x)
    {
        ModelSketch s = c.Sketch;
        string mask = s.Unsqueeze(s.Op("Cast", c.Input("kept", I64, c.Batch.Declared, c.Length.Declared), Int("to", F32)), 2);
        c.VisibleFirst.Add("kept");
        string axes = s.Longs(1);
        string sum = s.Op("ReduceSum", $"{s.Op("Mul", $"{x} {mask}")} {axes}", Int("keepdims", 1)), count = s.Op("ReduceSum", $"{mask} {axes}", Int("keepdims", 1));
        return s.Op("Div", $"{sum} {s.Op("Max", $"{count} {s.Number(1e-6f)}")}");
    }
}
