namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Attention and feed-forward with residuals, in the topologies that models have.</summary>
internal static class ModelBlock
{
    public static string Make(ModelContext c, string x)
    {
        int parts = c.Choices.Below(4); // both, attention alone, feed-forward alone, attention twice (to itself, to an encoder)
        string Attend(string y) => parts == 2 ? y : ModelAttention.Make(c, y, toMemory: c.Choices.OneIn(5));
        string Feed(string y) => parts == 1 ? y : parts == 3 ? ModelAttention.Make(c, y, toMemory: true) : ModelFeedForward.Make(c, y);
        string Norm(string y) => ModelNorm.Make(c, y, c.Width);
        switch (c.Choices.Below(6))
        {
            case 1: // norms behind
                x = Norm(Add(c, x, Attend(x)));
                return Norm(Add(c, x, Feed(x)));
            case 2: // in parallel behind one norm
                string normal = Norm(x);
                return Add(c, Add(c, x, Attend(normal)), Feed(normal));
            case 3: // norms on both sides
                x = Add(c, x, Norm(Attend(Norm(x))));
                return Add(c, x, Norm(Feed(Norm(x))));
            case 4: // no residual
                return Feed(Norm(Attend(x)));
            case 5: // no norm
                x = Add(c, x, Attend(x));
                return Add(c, x, Feed(x));
            default:
                x = Add(c, x, Attend(Norm(x)));
                return Add(c, x, Feed(Norm(x)));
        }
    }

    /// <summary>The residual, at times scaled.</summary>
    private static string Add(ModelContext c, string x, string y)
    {
        ModelSketch s = c.Sketch;
        return c.Choices.Below(5) switch
        {
            1 => s.Op("Add", $"{y} {x}"),
            2 => s.Op("Add", $"{x} {s.Op("Mul", $"{y} {s.Number(0.5f)}")}"),
            3 => s.Op("Add", $"{x} {s.Op("Mul", $"{y} {s.Scale(c.Width)}")}"),
            _ => s.Op("Add", $"{x} {y}"),
        };
    }
}
