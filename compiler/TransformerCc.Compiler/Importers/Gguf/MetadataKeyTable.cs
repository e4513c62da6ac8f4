using System.Text;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The declared keys as the table of this folder's README.</summary>
public static class MetadataKeyTable
{
    public static string Markdown()
    {
        var text = new StringBuilder("| key | architectures | what becomes of it |\n|---|---|---|\n");
        foreach (MetadataKey key in ModelKeys.All.Concat(FileKeys.All))
        {
            string use = key.Use switch
            {
                KeyUse.Used => key.Meaning,
                KeyUse.AcceptedOnly => $"only {key.AcceptedValues}: {key.Meaning}",
                _ => $"without effect: {key.Meaning}",
            };
            text.Append($"| {key.Name} | {Names(key)} | {use.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
        }
        return text.ToString();
    }

    /// <summary>The architectures for which a declaration holds: all, some, or all but some.</summary>
    private static string Names(MetadataKey key)
    {
        string[] some = [.. Architectures.All.Where(key.AppliesTo).Select(a => a.Name)], others = [.. Architectures.All.Where(a => !key.AppliesTo(a)).Select(a => a.Name)];
        return others.Length == 0 ? "all" : some.Length <= others.Length ? string.Join(", ", some) : $"all but {string.Join(", ", others)}";
    }
}
