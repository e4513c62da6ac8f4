using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Reads one file: magic, version, counts, metadata, descriptions of tensors, padding, data (GGUF specification,
/// github.com/ggml-org/ggml/blob/master/docs/gguf.md). Versions 2 and 3 have 64-bit counts, version 1 had 32-bit ones.
/// </summary>
internal static class GgufReader
{
    private const uint NewestVersion = 3;

    /// <summary>The largest models have some thousands of either.</summary>
    private const int MostKeys = 1 << 16, MostTensors = 1 << 17;

    /// <summary>Of an empty key or name: its length, its type and the smallest value or, of a tensor, the rest of its description.</summary>
    private const int SmallestKey = 4 + 4 + 1, SmallestTensor = 4 + 4 + 4 + 8;

    /// <summary>"FUGG".</summary>
    private const uint BigEndianMagic = 0x47475546;

    public static GgufFile Read(string path) => FileKinds.Explained(path, FileRole.Gguf, () => ReadWhole(path));

    private static GgufFile ReadWhole(string path)
    {
        var cursor = new GgufCursor(FileMap.Open(path, GgufCodes.BadFile), start: 0);
        int version = Version(cursor);
        int tensors = Count(cursor, "tensors", MostTensors, SmallestTensor);
        int keys = Count(cursor, "keys", MostKeys, SmallestKey);
        Dictionary<string, GgufValue> metadata = GgufMetadataReader.Read(cursor, keys);
        return new(path, version, metadata, GgufTensorReader.Read(cursor, tensors, Alignment(metadata, path)));
    }

    private static int Version(GgufCursor cursor)
    {
        uint magic = cursor.U32("the magic number");
        if (!BitConverter.GetBytes(magic).AsSpan().SequenceEqual(GgufFile.Magic) || !BitConverter.IsLittleEndian)
        {
            if (magic == BigEndianMagic)
            {
                throw BigEndian(cursor, at: 0);
            }
            throw cursor.Refuse(GgufCodes.BadFile, "not a GGUF file", 0, "a GGUF file begins with the letters GGUF");
        }
        uint version = cursor.U32("the version");
        if (version is 0 or > NewestVersion)
        {
            bool swapped = version > 0xFFFF && System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(version) is > 0 and <= NewestVersion;
            throw swapped ? BigEndian(cursor, at: 4) : cursor.Refuse(GgufCodes.BadFile, $"version {version} of GGUF is not known, 1 to {NewestVersion} are", 4);
        }
        cursor.HasShortCounts = version == 1;
        return (int)version;
    }

    private static DiagnosticException BigEndian(GgufCursor cursor, long at) =>
        cursor.Refuse(GgufCodes.BadFile, "the file is big-endian", at, "convert the model on, or for, a little-endian machine");

    private static int Count(GgufCursor cursor, string what, int most, int smallest)
    {
        long at = cursor.Position;
        ulong count = cursor.Count($"the number of {what}");
        return count <= (ulong)most && (long)count <= cursor.Remaining / smallest ? (int)count
            : throw cursor.Refuse(GgufCodes.Limit, $"{count} {what}: the {cursor.Remaining} bytes that follow cannot hold them, or it is more than the {most} that are read", at);
    }

    private static long Alignment(Dictionary<string, GgufValue> metadata, string path)
    {
        if (!metadata.TryGetValue(FileKeys.Alignment.Name, out GgufValue? value))
        {
            return GgufFile.DefaultAlignment;
        }
        return value.Integer is >= 8 and <= 1 << 20 and { } alignment && long.IsPow2(alignment) ? alignment
            : throw new DiagnosticException(Diagnostic.Error(GgufCodes.BadValue, $"{FileKeys.Alignment.Name} is {value}: a power of two from 8 to 2^20 is needed", path));
    }
}
