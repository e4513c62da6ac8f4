using System.Globalization;

namespace TransformerCc.Tool.Output;

/// <summary>Numbers for people, the same in every culture.</summary>
internal static class Numbers
{
    /// <summary>1,234,567</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits in the unit that fits: 1.50 MiB.</summary>
    public static string Bytes(long value)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        double scaled = value;
        int unit = 0;
        while (scaled >= 1024 && unit < units.Length - 1)
        {
            scaled /= 1024;
            unit++;
        }
        string format = unit == 0 || scaled >= 100 ? "0" : scaled >= 10 ? "0.0" : "0.00";
        return $"{scaled.ToString(format, CultureInfo.InvariantCulture)} {units[unit]}";
    }

    /// <summary>Three significant digits: 1.23E-05, 0.0123, 12.3.</summary>
    public static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    public static string Fixed(double value, int digits) => value.ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    public static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture);
}
