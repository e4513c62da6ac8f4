using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Rotary positions of queries and keys [batch, heads, length, size]: in halves or in pairs, of the whole head or a part.</summary>
internal static class ModelRope
{
    public static (string Q, string K) Make(ModelContext c, string q, string k, long size, bool hasPast)
    {
        ModelSketch s = c.Sketch;
        long rotated = size % 4 == 0 && c.Choices.OneIn(4) ? size / 2 : size;
        long n = c.Positions, half = rotated / 2;
        float Angle(int i) => (float)(i / half / Math.Pow(100, (double)(i % half) / half));
        string cos = s.Floats([n, half], [.. Enumerable.Range(0, (int)(n * half)).Select(i => MathF.Cos(Angle(i)))]), sin = s.Floats([n, half], [.. Enumerable.Range(0, (int)(n * half)).Select(i => MathF.Sin(Angle(i)))]);
        string length = s.Size(q, 2);
        string first = hasPast && c.PastLength is { } past ? past : s.Longs(0), last = s.Op("Add", $"{first} {length}");
        cos = s.Slice(cos, first, last, 0);
        sin = s.Slice(sin, first, last, 0);
        bool pairs = c.Choices.OneIn(3);
        return (Part(q), Part(k));

        string Part(string x)
        {
            if (rotated == size)
            {
                return pairs ? Pairs(s, x, cos, sin, half) : Halves(s, x, cos, sin, half);
            }
            string head = s.Slice(x, 0, rotated, 3), rest = s.Slice(x, rotated, size, 3);
            return s.Op("Concat", $"{(pairs ? Pairs(s, head, cos, sin, half) : Halves(s, head, cos, sin, half))} {rest}", Int("axis", -1));
        }
    }

    private static string Halves(ModelSketch s, string x, string cos, string sin, long half)
    {
        string wideCos = s.Op("Concat", $"{cos} {cos}", Int("axis", -1)), wideSin = s.Op("Concat", $"{sin} {sin}", Int("axis", -1));
        string turned = s.Op("Concat", $"{s.Op("Neg", s.Slice(x, half, int.MaxValue, 3))} {s.Slice(x, 0, half, 3)}", Int("axis", -1));
        return s.Op("Add", $"{s.Op("Mul", $"{x} {wideCos}")} {s.Op("Mul", $"{turned} {wideSin}")}");
    }

    private static string Pairs(ModelSketch s, string x, string cos, string sin, long half)
    {
        string even = Every(s, x, 0), odd = Every(s, x, 1);
        string real = s.Op("Sub", $"{s.Op("Mul", $"{even} {cos}")} {s.Op("Mul", $"{odd} {sin}")}"), imaginary = s.Op("Add", $"{s.Op("Mul", $"{even} {sin}")} {s.Op("Mul", $"{odd} {cos}")}");
        string pairs = s.Op("Concat", $"{s.Unsqueeze(real, -1)} {s.Unsqueeze(imaginary, -1)}", Int("axis", -1));
        return s.Reshape(pairs, 0, 0, 0, 2 * half);
    }

    private static string Every(ModelSketch s, string x, long start) => s.Op("Slice", $"{x} {s.Longs(start)} {s.Longs(int.MaxValue)} {s.Longs(3)} {s.Longs(2)}");
}
