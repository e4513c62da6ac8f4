using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Reads the descriptions of tensors: name, number of dimensions (u32), dimensions, type (u32), offset (u64) from the start
/// of the data. Every tensor with a fault is reported, not only the first.
/// </summary>
internal static class GgufTensorReader
{
    /// <summary>ggml.h: GGML_MAX_NAME and GGML_MAX_DIMS.</summary>
    private const int LongestName = 64, MostDimensions = 4;

    private sealed record Entry(string Name, uint Type, long[] FileShape, ulong Offset, long At);

    public static IReadOnlyDictionary<string, GgufTensor> Read(GgufCursor cursor, int count, long alignment)
    {
        var entries = new List<Entry>(count);
        for (int i = 0; i < count; i++)
        {
            entries.Add(ReadEntry(cursor));
        }
        long data = (cursor.Position + alignment - 1) / alignment * alignment;
        var diagnostics = new DiagnosticList();
        var tensors = new OrderedDictionary<string, GgufTensor>(StringComparer.Ordinal);
        var places = new List<(long Start, long End, Entry Entry)>();
        var beyond = new List<Entry>();
        foreach (Entry entry in entries)
        {
            if (Place(entry, cursor, data, alignment, diagnostics, beyond) is not { } tensor)
            {
                continue;
            }
            if (!tensors.TryAdd(entry.Name, tensor))
            {
                diagnostics.Add(Diagnostic.Error(GgufCodes.BadTensor, $"two tensors are called {entry.Name}", cursor.At(entry.At)));
            }
            places.Add(((long)entry.Offset, (long)entry.Offset + tensor.Data.Length, entry));
        }
        if (beyond is [var first, ..])
        {
            // One cause, however many tensors it takes.
            string others = beyond.Count > 1 ? FormattableString.Invariant($", nor do {beyond.Count - 1} of the {entries.Count - 1} others") : "";
            diagnostics.Add(Diagnostic.Error(GgufCodes.BadTensor, FormattableString.Invariant($"{first.Name} at offset {first.Offset} does not end inside the {long.Max(0, cursor.File.Length - data)} bytes of data{others}"), cursor.At(first.At), "the file is cut short; fetch it again"));
        }
        places.Sort((a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : a.Entry.At.CompareTo(b.Entry.At));
        for (int i = 1; i < places.Count; i++)
        {
            if (places[i].Start < places[i - 1].End)
            {
                diagnostics.Add(Diagnostic.Error(GgufCodes.BadTensor, $"the data of {places[i].Entry.Name} overlap those of {places[i - 1].Entry.Name}", cursor.At(places[i].Entry.At)));
            }
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : tensors;
    }

    private static Entry ReadEntry(GgufCursor cursor)
    {
        long at = cursor.Position;
        string name = cursor.Name("the name of a tensor", LongestName);
        uint rank = cursor.U32($"the description of {name}");
        if (rank > MostDimensions)
        {
            throw cursor.Refuse(GgufCodes.Limit, $"{name} has {rank} dimensions, at most {MostDimensions} are possible", at);
        }
        var shape = new long[rank];
        for (int i = 0; i < rank; i++)
        {
            ulong size = cursor.Count($"the shape of {name}");
            // Negative numbers stand for sizes beyond 63 bits and are refused with the rest of the shape.
            shape[i] = size > long.MaxValue ? -1 : (long)size;
        }
        return new(name, cursor.U32($"the type of {name}"), shape, cursor.U64($"the offset of {name}"), at);
    }

    private static GgufTensor? Place(Entry entry, GgufCursor cursor, long data, long alignment, DiagnosticList diagnostics, List<Entry> beyond)
    {
        GgufTensor? Refuse(string message, string? help = null)
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.BadTensor, $"{(entry.Name.Length == 0 ? "a tensor without a name" : entry.Name)} {message}", cursor.At(entry.At), help));
            return null;
        }
        if (entry.Name.Length == 0)
        {
            return Refuse("cannot be referred to");
        }
        if (GgufTensorType.Of(entry.Type) is not { } type)
        {
            return Refuse($"has the unknown type {entry.Type}", "types that were removed from the format, and newer ones, are not read; quantise the model again");
        }
        // Row-major, as everything else here has it; no dimensions at all mean a single number.
        long[] shape = entry.FileShape.Length == 0 ? [1] : [.. entry.FileShape.Reverse()];
        if (shape.Any(d => d <= 0))
        {
            return Refuse($"has a dimension that is zero or beyond 63 bits: [{string.Join(", ", shape)}]");
        }
        if (shape[^1] % type.BlockLength != 0)
        {
            return Refuse($"has rows of {shape[^1]} elements; {type.Name} holds blocks of {type.BlockLength}");
        }
        Int128 bytes = type.BlockBytes;
        foreach (long d in shape.Take(shape.Length - 1).Append(shape[^1] / type.BlockLength))
        {
            bytes *= d;
            if (bytes > long.MaxValue)
            {
                return Refuse($"of shape [{string.Join(", ", shape)}] is larger than any file");
            }
        }
        if (entry.Offset % (ulong)alignment != 0)
        {
            return Refuse($"begins at offset {entry.Offset}, which is no multiple of {alignment}", "general.alignment and the offsets of the tensors contradict each other");
        }
        if (data > cursor.File.Length || entry.Offset > (ulong)(cursor.File.Length - data) || (long)bytes > cursor.File.Length - data - (long)entry.Offset)
        {
            beyond.Add(entry);
            return null;
        }
        long start = data + (long)entry.Offset;
        return new(entry.Name, type, shape, cursor.File.Bytes(start, (long)bytes, $"{entry.Name}, {cursor.At(start)}"), cursor.At(start));
    }
}
