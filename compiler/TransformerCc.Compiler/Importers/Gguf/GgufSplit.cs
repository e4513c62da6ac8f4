using System.Globalization;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Joins the parts of a split model: files NAME-00001-of-0000N.gguf beside each other, which say so with split.no (from 0),
/// split.count and split.tensors.count (llama.cpp, gguf-split). The first has the metadata of the model.
/// </summary>
internal static class GgufSplit
{
    private const int MostParts = 1000;

    /// <summary>The model of which <paramref name="part"/> is a part, whichever; the part itself when it is whole.</summary>
    public static GgufFile Join(GgufFile part, string path)
    {
        long count = Integer(part, "split.count") ?? 1;
        if (count <= 1)
        {
            return part;
        }
        long number = Integer(part, "split.no") ?? -1;
        string ending = Ending(number, count);
        bool isPart = count <= MostParts && number >= 0 && number < count;
        // A cache or a person may have laid links: the name and the folder that count are those of a link or of the file itself.
        string[] named = isPart ? [.. RealPath.Chain(path).Where(p => p.EndsWith(ending, StringComparison.Ordinal))] : [];
        if (named.Length == 0)
        {
            throw Refuse($"it is part {number} of a model split into {count}, but it is not called NAME{Ending(long.Clamp(number, 0, MostParts), count)}", path, "rename the parts as gguf-split names them, counted from 1");
        }
        string stem = (Array.Find(named, p => AllExist(p[..^ending.Length], count)) ?? named[0])[..^ending.Length];
        var diagnostics = new DiagnosticList();
        var parts = new List<GgufFile>();
        for (long i = 0; i < count; i++)
        {
            string other = stem + Ending(i, count);
            if (i == number)
            {
                parts.Add(part);
            }
            else if (!File.Exists(other))
            {
                diagnostics.Add(Diagnostic.Error(GgufCodes.Split, $"part {i + 1} of {count} is missing", other, "all parts of a split model lie in one folder"));
            }
            else if (GgufReader.Read(other) is var read && (Integer(read, "split.no") != i || Integer(read, "split.count") != count))
            {
                diagnostics.Add(Diagnostic.Error(GgufCodes.Split, $"it does not say that it is part {i} of {count} (split.no, split.count)", other));
            }
            else
            {
                parts.Add(read);
            }
        }
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics);
        }
        return new GgufFile(path, parts[0].Version, parts[0].Metadata, Tensors(parts, path));
    }

    private static OrderedDictionary<string, GgufTensor> Tensors(List<GgufFile> parts, string path)
    {
        var tensors = new OrderedDictionary<string, GgufTensor>(StringComparer.Ordinal);
        foreach (GgufFile part in parts)
        {
            foreach ((string name, GgufTensor tensor) in part.Tensors)
            {
                if (!tensors.TryAdd(name, tensor))
                {
                    throw Refuse($"the tensor {name} is in two parts", part.Path);
                }
            }
        }
        long expected = Integer(parts[0], "split.tensors.count") ?? tensors.Count;
        return expected == tensors.Count ? tensors : throw Refuse($"the parts hold {tensors.Count} tensors, split.tensors.count says {expected}", path);
    }

    private static bool AllExist(string stem, long count)
    {
        for (long i = 0; i < count; i++)
        {
            if (!File.Exists(stem + Ending(i, count)))
            {
                return false;
            }
        }
        return true;
    }

    private static string Ending(long number, long count) => string.Create(CultureInfo.InvariantCulture, $"-{number + 1:00000}-of-{count:00000}.gguf");

    private static long? Integer(GgufFile file, string key) => file.Metadata.TryGetValue(key, out GgufValue? value) ? value.Integer : null;

    private static DiagnosticException Refuse(string message, string location, string? help = null) => new(Diagnostic.Error(GgufCodes.Split, message, location, help));
}
