using static TransformerCc.Tests.Campaigns.Models.ModelSketch;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Masks of scores [batch, heads, queries, keys] as exporters write them.</summary>
internal static class ModelMask
{
    /// <summary>The size of masks over a past and the present.</summary>
    public const string AllKeys = "total";

    public static string Apply(ModelContext c, string scores, bool toMemory, bool hasPast, long heads)
    {
        ModelSketch s = c.Sketch;
        switch (c.Choices.Below(7))
        {
            case 1 when !toMemory:
                return s.Op("Where", $"{Causal(c, scores)} {scores} {s.Number(c.Choices.Pick(float.NegativeInfinity, float.MinValue, -1e9f))}");
            case 2: // of padded keys, as BERT has it
                string kept = s.Op("Cast", c.Input(Named("kept_keys", toMemory, hasPast), I64, c.Batch.Declared, Keys(c, toMemory, hasPast)), Int("to", F32));
                string bias = s.Op("Mul", $"{s.Op("Sub", $"{s.Number(1)} {s.Unsqueeze(kept, 1, 2)}")} {s.Number(c.Choices.Pick(-10000f, float.MinValue))}");
                return s.Op("Add", $"{scores} {bias}");
            case 3:
                return s.Op("Where", $"{BooleanInput(c, toMemory, hasPast)} {scores} {s.Number(c.Choices.Pick(float.NegativeInfinity, -1e9f))}");
            case 4:
                return s.Op("Add", $"{scores} {AdditiveInput(c, toMemory, hasPast, c.Choices.OneIn(2) ? heads : 1)}");
            case 5 when !toMemory: // a bias by distance, and causal
                string slopes = s.Floats([heads, 1, 1], [.. Enumerable.Range(1, (int)heads).Select(h => MathF.Pow(2, -8f * h / heads))]);
                (string rows, string columns) = Positions(c, scores);
                string distance = s.Op("Cast", s.Op("Sub", $"{columns} {rows}"), Int("to", F32));
                string biased = s.Op("Add", $"{scores} {s.Op("Mul", $"{slopes} {distance}")}");
                return s.Op("Where", $"{s.Op("LessOrEqual", $"{columns} {rows}")} {biased} {s.Number(float.NegativeInfinity)}");
            case 6 when !toMemory: // a sliding window
                (string row, string column) = Positions(c, scores);
                string near = s.Op("Less", $"{s.Op("Sub", $"{row} {column}")} {s.Long(c.Choices.Pick(4, 1, 2, 9))}");
                return s.Op("Where", $"{s.Op("And", $"{s.Op("LessOrEqual", $"{column} {row}")} {near}")} {scores} {s.Number(float.NegativeInfinity)}");
            default:
                return scores;
        }
    }

    /// <summary>True where the first key is always visible.</summary>
    public static string BooleanInput(ModelContext c, bool toMemory, bool hasPast)
    {
        string name = c.Input(Named("visible", toMemory, hasPast), Bool, c.Batch.Declared, 1, c.Length.Declared, Keys(c, toMemory, hasPast));
        c.VisibleFirst.Add(name);
        return name;
    }

    public static string AdditiveInput(ModelContext c, bool toMemory, bool hasPast, long heads) =>
        c.Input(Named($"bias_{heads}", toMemory, hasPast), F32, heads, c.Length.Declared, Keys(c, toMemory, hasPast));

    private static string Named(string what, bool toMemory, bool hasPast) => $"{what}_{(toMemory ? "memory" : hasPast ? "all" : "self")}";

    /// <summary>Keys as an input declares them; with a past they have a size of their own, known only as a sum.</summary>
    private static object Keys(ModelContext c, bool toMemory, bool hasPast) =>
        toMemory ? c.Keys.Declared : !hasPast ? c.Length.Declared : c is { Length.Symbol: null, Past.Symbol: null } ? c.Length.Bound + c.Past.Bound : AllKeys;

    /// <summary>Which key a query sees, [queries, keys].</summary>
    private static string Causal(ModelContext c, string scores)
    {
        ModelSketch s = c.Sketch;
        if (c.Choices.OneIn(2))
        {
            (string rows, string columns) = Positions(c, scores);
            return s.Op("LessOrEqual", $"{columns} {rows}");
        }
        // A triangle as old exporters store it: rows from the number of positions before, columns from 0.
        long n = c.Positions;
        string triangle = s.Name();
        s.Model.Initializer(triangle, Bool, [n, n], [.. Enumerable.Range(0, (int)(n * n)).Select(i => (byte)(i % n <= i / n ? 1 : 0))]);
        string keys = s.Size(scores, 3), before = s.Op("Sub", $"{keys} {s.Size(scores, 2)}");
        return s.Slice(s.Slice(triangle, before, keys, 0), s.Longs(0), keys, 1);
    }

    /// <summary>Positions of queries, [queries, 1], and of keys, [keys]; the last query stands beside the last key.</summary>
    private static (string Rows, string Columns) Positions(ModelContext c, string scores)
    {
        ModelSketch s = c.Sketch;
        string queries = Scalar(s, s.Size(scores, 2)), keys = Scalar(s, s.Size(scores, 3));
        string columns = s.Op("Range", $"{s.Long(0)} {keys} {s.Long(1)}");
        string rows = s.Op("Range", $"{s.Op("Sub", $"{keys} {queries}")} {keys} {s.Long(1)}");
        return (s.Unsqueeze(rows, 1), columns);
    }

    private static string Scalar(ModelSketch s, string one) => s.Op("Squeeze", $"{one} {s.Longs(0)}");
}
