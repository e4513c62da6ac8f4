using System.Globalization;
using TransformerCc.Isa.Quantization;

namespace TransformerCc.Isa.Manual;

/// <summary>Where the bits of a block format lie, in words made from its declaration.</summary>
internal static class BlockFormatText
{
    public static string[] Head { get; } = ["code", "name", "weights", "bytes", "K-group", "in panels", "codes", "scale", "minimum"];

    public static string[] Row(BlockFormat f) =>
    [
        N(f.Code), $"`{f.Name}`", N(f.BlockLength), N(f.BlockBytes), N(f.GroupSize), f.PanelFormat == f ? "as it is" : $"repacked: `{f.PanelFormat.Name}`",
        f.PanelFormat == f ? Codes(f.Codes) : "", f.PanelFormat == f ? Scale(f.Scale) : "", f.PanelFormat == f && f.Minimum is { } m ? Scale(m) : "",
    ];

    private static string Codes(BlockCodes c)
    {
        string bits = string.Join(", then ", c.Planes.Select(p => Text($"{p.Width} at byte {p.Offset} in runs of {p.Run}")));
        string level = c.Levels.IsEmpty ? "" : Text($"; level by table: {string.Join(' ', c.Levels.Select(v => N(v - c.FixedOffset)))}");
        string offset = c.ZeroByte is { } zero ? Text($"; minus byte {zero}") : c.Flip != 0 ? "; two's complement" : c.Levels.IsEmpty && c.FixedOffset != 0 ? Text($"; minus {c.FixedOffset}") : "";
        return bits + level + offset;
    }

    private static string Scale(BlockScale s)
    {
        (int first, int count) = s.SuperBytes(0).GetOffsetAndLength(int.MaxValue);
        string super = s.Kind switch { SuperScaleKind.F16 => "f16", SuperScaleKind.F32 => "f32", SuperScaleKind.HalvedE8M0 => "2^(e8m0 - 128)", _ => "e4m3 / 2" };
        string text = Text($"{super} at byte {first}{(s.IsSuperPerGroup ? Text($" + {count} g") : "")}");
        if (s.HasSubScales)
        {
            string sub = s.Flip != 0 ? "(s as two's complement)" : (s.Multiplier, s.Addend) switch { (1, 0) => "s", (1, _) => Text($"(s {s.Addend:+ 0;- 0})"), _ => Text($"({s.Multiplier} s {s.Addend:+ 0;- 0})") };
            text += Text($" * {sub}, s of groups 0 to {s.SubScales - 1}: {string.Join("; ", Enumerable.Range(0, s.SubScales).Select(g => Fields(s.SubFields(g))))}");
        }
        return s.Factor == 1 ? text : Text($"{s.Factor} * {text}");
    }

    /// <summary>byte.lowest bit:width, lowest bits first.</summary>
    private static string Fields(ReadOnlySpan<BitField> fields)
    {
        var parts = new List<string>();
        foreach (BitField f in fields)
        {
            parts.Add(Text($"{f.Byte}.{f.Shift}:{f.Width}"));
        }
        return string.Join(' ', parts);
    }

    private static string N(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
