using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>What holds for all files of one model of tokenizer where they say nothing else (llama.cpp's defaults).</summary>
/// <param name="AddSeparator">WordPiece ends a text with its separator.</param>
internal sealed record TokenizerKind(
    string Model, string Name, int? Bos = null, int? Eos = null, int? Unknown = null, int? Separator = null, bool AddBos = false, bool AddEos = false, bool AddSeparator = false, bool AddSpacePrefix = false, bool CleanSpaces = false)
{
    public const string UnknownModel = "TCC5201";

    public static TokenizerKind SentencePiece { get; } = new("llama", "SentencePiece", Bos: 1, Eos: 2, Unknown: 0, AddBos: true, AddSpacePrefix: true);

    public static TokenizerKind ByteLevel { get; } = new("gpt2", "byte-level BPE", Bos: 11, Eos: 11, CleanSpaces: true);

    public static TokenizerKind WordPiece { get; } = new("bert", "WordPiece", Bos: 101, Unknown: 100, Separator: 102, AddBos: true, AddSeparator: true, CleanSpaces: true);

    public static TokenizerKind Unigram { get; } = new("t5", "unigram", Eos: 1, Unknown: 2, AddEos: true);

    public static IReadOnlyList<TokenizerKind> All { get; } = [SentencePiece, ByteLevel, WordPiece, Unigram];

    /// <exception cref="DiagnosticException">TCC5201: none has this name.</exception>
    public static TokenizerKind Of(TokenizerData data) => All.FirstOrDefault(k => k.Model == data.Model)
        ?? throw new DiagnosticException(Diagnostic.Error(UnknownModel, $"the tokenizer '{data.Model}' is not known", null, $"known are {string.Join(", ", All.Select(k => $"{k.Model} ({k.Name})"))}; without a tokenizer, run the program with --inputs"));
}
