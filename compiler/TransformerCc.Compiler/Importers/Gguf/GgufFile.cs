using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// An opened GGUF model: its metadata, and its tensors as views of the mapped file, or of all files of a split model.
/// </summary>
/// <param name="Path">The file that was named.</param>
/// <param name="Metadata">Keys and values, of the first file when the model is split.</param>
/// <param name="Tensors">By name, in the order of the files.</param>
public sealed record GgufFile(string Path, int Version, IReadOnlyDictionary<string, GgufValue> Metadata, IReadOnlyDictionary<string, GgufTensor> Tensors)
{
    public static ReadOnlySpan<byte> Magic => "GGUF"u8;

    /// <summary>The default of general.alignment.</summary>
    public const int DefaultAlignment = 32;

    /// <summary>
    /// Whether a file begins as a GGUF file does (false for one that cannot be read) or is named like one: damage to its first
    /// bytes does not make it a file of another format.
    /// </summary>
    public static bool IsGguf(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) || InputFile.BeginsWith(path, Magic);

    /// <summary>Opens a model, and the other parts of a split one.</summary>
    /// <exception cref="DiagnosticException">The file is not valid; each diagnostic has the byte offset.</exception>
    public static GgufFile Open(string path) => GgufSplit.Join(GgufReader.Read(path), path);
}
