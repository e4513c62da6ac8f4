using System.Globalization;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>
/// Floats of attributes as text that gives the same bits back. Values that are floats print as floats do; an f at the
/// end says so where the same digits mean another double: 0.1f is 0.100000001490116….
/// </summary>
internal static class FloatText
{
    public static string Print(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }
        string asFloat = ((float)value).ToString("R", CultureInfo.InvariantCulture);
        bool isFloat = (float)value == value;
        bool sameDouble = double.Parse(asFloat, CultureInfo.InvariantCulture) == value;
        return isFloat ? asFloat + (sameDouble ? "" : "f") : value.ToString("R", CultureInfo.InvariantCulture);
    }

    public static string Print(float value) =>
        float.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : Print((double)value);

    public static bool TryParse(string text, out double value)
    {
        if (text.EndsWith('f') && text is not ("inf" or "-inf"))
        {
            bool parsed = TryParse(text[..^1], out float single);
            value = single;
            return parsed;
        }
        return Special(text, out value) || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    public static bool TryParse(string text, out float value)
    {
        bool special = Special(text, out double wide);
        value = (float)wide;
        return special || float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    private static bool Special(string text, out double value)
    {
        value = text switch { "nan" => double.NaN, "inf" => double.PositiveInfinity, "-inf" => double.NegativeInfinity, _ => 0 };
        return value != 0;
    }
}
