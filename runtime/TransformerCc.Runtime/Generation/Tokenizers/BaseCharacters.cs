using System.Globalization;
using System.Text;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// The first code point of each character's canonical decomposition: é gives e, 각 gives ᄀ. .NET's own normalisation leaves
/// text as it is where globalisation is invariant, and depends on the host's libraries where it is not. The table is the
/// Unicode Character Database's (15.1, UnicodeData.txt field 5, applied until nothing changes), without Hangul, which is
/// arithmetic. Each entry: first character, number of characters, target, + when the targets ascend with them.
/// </summary>
internal static class BaseCharacters
{
    private const int HangulFirst = 0xAC00, HangulLast = 0xD7A3, HangulPerInitial = 588, InitialFirst = 0x1100;

    private static readonly Lazy<Dictionary<int, int>> s_bases = new(Read);

    public static Rune Of(Rune rune) => rune.Value switch
    {
        < 0xC0 => rune,
        >= HangulFirst and <= HangulLast => new Rune(InitialFirst + ((rune.Value - HangulFirst) / HangulPerInitial)),
        _ => s_bases.Value.TryGetValue(rune.Value, out int target) ? new Rune(target) : rune,
    };

    private static Dictionary<int, int> Read()
    {
        using Stream stream = typeof(BaseCharacters).Assembly.GetManifestResourceStream("BaseCharacters.txt")!;
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var bases = new Dictionary<int, int>();
        foreach (string entry in reader.ReadToEnd().Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = entry.TrimEnd('+').Split(':');
            int first = Hex(fields[0]), count = Hex(fields[1]), target = Hex(fields[2]), step = entry.EndsWith('+') ? 1 : 0;
            for (int i = 0; i < count; i++)
            {
                bases.Add(first + i, target + (i * step));
            }
        }
        return bases;
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
