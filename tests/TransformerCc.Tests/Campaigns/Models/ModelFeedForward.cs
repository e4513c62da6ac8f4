using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Up, an activation, perhaps a gate, down.</summary>
internal static class ModelFeedForward
{
    public static string Make(ModelContext c, string x)
    {
        long hidden = c.Choices.Pick(8, 1, 3, 16, 37, 64, 130, 256);
        string up = c.Linear(x, c.Width, hidden);
        string active = c.Choices.Below(3) switch
        {
            1 => c.Sketch.Op("Mul", $"{Activation(c, up)} {c.Linear(x, c.Width, hidden)}"),
            2 => c.Sketch.Op("Mul", $"{c.Linear(x, c.Width, hidden)} {Activation(c, up)}"),
            _ => Activation(c, up),
        };
        return c.Linear(active, hidden, c.Width);
    }

    private static string Activation(ModelContext c, string x)
    {
        ModelSketch s = c.Sketch;
        switch (c.Choices.Below(12))
        {
            case 1: // the exact GELU
                string erf = s.Op("Add", $"{s.Op("Erf", s.Op("Div", $"{x} {s.Number(1.4142135f)}"))} {s.Number(1)}");
                return c.Choices.OneIn(2) ? s.Op("Mul", $"{s.Op("Mul", $"{x} {erf}")} {s.Number(0.5f)}") : s.Op("Mul", $"{s.Op("Mul", $"{s.Number(0.5f)} {x}")} {erf}");
            case 2: // GELU by tanh
                string cube = c.Choices.OneIn(2) ? s.Op("Pow", $"{x} {s.Number(3)}") : s.Op("Mul", $"{x} {s.Op("Mul", $"{x} {x}")}");
                string inner = s.Op("Mul", $"{s.Op("Add", $"{x} {s.Op("Mul", $"{cube} {s.Number(0.044715f)}")}")} {s.Number(0.7978846f)}");
                return s.Op("Mul", $"{s.Op("Mul", $"{x} {s.Op("Add", $"{s.Op("Tanh", inner)} {s.Number(1)}")}")} {s.Number(0.5f)}");
            case 3:
                return s.Op("Mul", $"{x} {s.Op("Sigmoid", x)}");
            case 4: // the quick GELU
                return s.Op("Mul", $"{x} {s.Op("Sigmoid", s.Op("Mul", $"{x} {s.Number(1.702f)}"))}");
            case 5:
                return s.Opset >= 20 ? s.Op("Gelu", x, ModelSketch.Text("approximate", c.Choices.Pick("none", "tanh"))) : s.Op("Tanh", x);
            case 6:
                return s.Op("Sigmoid", x);
            case 7:
                return s.Op("Tanh", x);
            case 8:
                return s.Op("Elu", x, Float("alpha", 1));
            case 9: // squared ReLU
                string positive = s.Op("Relu", x);
                return s.Op("Mul", $"{positive} {positive}");
            case 10:
                return s.Op("LeakyRelu", x, Float("alpha", 0.1f));
            case 11:
                return s.Op("HardSwish", x);
            default:
                return s.Op("Relu", x);
        }
    }
}
