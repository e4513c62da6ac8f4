using System.Globalization;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Problems of tensors, each told once: the tensors of layers that the file lacks altogether, or has beyond the block_count, are
/// one problem, and so is what is wrong in the same way with a tensor of several layers.
/// </summary>
internal static class LayerProblems
{
    private const string Block = "blk.";

    public static IEnumerable<string> Gather(IReadOnlyList<TensorTable.Problem> problems, GgufFile file, Architecture architecture)
    {
        HashSet<int> present = [.. file.Tensors.Keys.Select(n => Layer(n).Number).OfType<int>()];
        var told = new List<string>();
        long count = file.Metadata.GetValueOrDefault(ModelKeys.Layers.In(architecture.Name))?.Integer ?? 0;
        int[] absent = Layers(problems, n => !present.Contains(n)), beyond = Layers(problems, n => n >= count);
        string says = $"{ModelKeys.Layers.In(architecture.Name)} is {count}";
        if (absent.Length > 0)
        {
            told.Add($"{Listed(absent)} without tensors ({says})");
        }
        if (beyond.Length > 0)
        {
            told.Add($"{Listed(beyond)} not expected ({says})");
        }
        foreach (var group in problems.Where(p => Layer(p.Name).Number is not int n || !(absent.Contains(n) || beyond.Contains(n))).GroupBy(p => (Layer(p.Name).Tail, p.Text)))
        {
            int[] layers = [.. group.Select(p => Layer(p.Name).Number).OfType<int>()];
            told.Add(layers.Length > 1 ? $"{Block}*{group.Key.Tail} of {Listed(layers)} {group.Key.Text}" : $"{group.First().Name} {group.Key.Text}");
        }
        return told;
    }

    private static int[] Layers(IReadOnlyList<TensorTable.Problem> problems, Func<int, bool> are) => [.. problems.Select(p => Layer(p.Name).Number).OfType<int>().Where(are).Distinct().Order()];

    private static string Listed(int[] layers)
    {
        bool isRun = layers.Length > 2 && layers[^1] - layers[0] == layers.Length - 1;
        return layers.Length == 1 ? $"layer {layers[0]}" : isRun ? $"layers {layers[0]} to {layers[^1]}" : $"layers {string.Join(", ", layers)}";
    }

    /// <summary>The layer of blk.N.NAME, and .NAME; the whole name when it is none of a layer.</summary>
    private static (int? Number, string Tail) Layer(string name)
    {
        int end = name.StartsWith(Block, StringComparison.Ordinal) ? name.IndexOf('.', Block.Length) : -1;
        return end > 0 && int.TryParse(name.AsSpan(Block.Length, end - Block.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? (number, name[end..]) : (null, name);
    }
}
