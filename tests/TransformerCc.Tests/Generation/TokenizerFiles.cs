using System.Collections.Concurrent;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tests.Generation;

/// <summary>Tokenizers of GGUF files, each read once.</summary>
internal static class TokenizerFiles
{
    private static readonly ConcurrentDictionary<string, TokenizerData> s_read = [];

    public static TokenizerData Data(string path) => s_read.GetOrAdd(path, p =>
    {
        var diagnostics = new DiagnosticList();
        TokenizerData? data = TokenizerMetadata.Read(GgufFile.Open(TestData.Get(p)), int.MaxValue, diagnostics);
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : data!;
    });

    public static Tokenizer Create(string path) => Tokenizer.Create(Data(path));
}
