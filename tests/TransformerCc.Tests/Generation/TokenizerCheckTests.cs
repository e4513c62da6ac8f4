using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Generation.Chat;
using TransformerCc.Runtime.Generation.Tokenizers;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Generation;

/// <summary>What a program will not be able to do with text is a warning when the model is compiled.</summary>
public sealed class TokenizerCheckTests
{
    private static readonly TokenizerData
        s_byteLevel = new() { Model = "gpt2", Tokens = [.. ByteAlphabet.OfUtf8.Select(c => c.ToString())], Types = [.. ByteAlphabet.OfUtf8.Select(_ => TokenType.Normal)], Merges = ["a b"] },
        s_sentencePiece = new() { Model = "llama", Tokens = ["<unk>", "<s>", "</s>", "<0x41>", "▁"], Types = [TokenType.Unknown, TokenType.Control, TokenType.Control, TokenType.Byte, TokenType.Normal] };

    public static TheoryData<string, string?> Cases { get; } = new()
    {
        { "byte-level", null },
        { "SentencePiece", null },
        { "unknown model", TokenizerKind.UnknownModel },
        { "unknown pre", PreTokenizers.UnknownPre },
        { "no merges", ByteLevelEncoder.NoMerges },
        { "damaged map", CharacterMap.BadMap },
        { "bytes missing", TokenizerCheck.LostText },
        { "no unknown token", TokenizerCheck.LostText },
        { "WordPiece without an unknown token", TokenizerCheck.LostText },
        { "unigram without an unknown token", TokenizerCheck.LostText },
        { "no types of bytes", TokenizerCheck.NoTypes },
        { "no types of marks", TokenizerCheck.NoTypes },
        { "odd template", ChatFormat.UnknownTemplate },
        { "known template", null },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_text_cannot_do_is_a_warning(string name, string? code)
    {
        TokenizerData data = name switch
        {
            "byte-level" => s_byteLevel,
            "SentencePiece" => s_sentencePiece,
            "unknown model" => s_byteLevel with { Model = "plamo9" },
            "unknown pre" => s_byteLevel with { Pre = "from the future" },
            "no merges" => s_byteLevel with { Merges = [] },
            "damaged map" => s_sentencePiece with { Model = "t5", CharacterMap = [255, 255, 255, 127] },
            "bytes missing" => s_byteLevel with { Tokens = s_byteLevel.Tokens[1..], Types = s_byteLevel.Types[1..] },
            "no unknown token" => s_sentencePiece with { Tokens = [], Types = [] },
            "WordPiece without an unknown token" => s_sentencePiece with { Model = "bert" },
            "unigram without an unknown token" => s_sentencePiece with { Model = "t5", Tokens = ["a"], Types = [TokenType.Normal] },
            "no types of bytes" => s_sentencePiece with { Types = [] },
            "no types of marks" => s_byteLevel with { Tokens = s_byteLevel.Tokens.Add("<|im_end|>"), Types = [] },
            "odd template" => s_byteLevel with { ChatTemplate = "{% for m in messages %}{{ m }}{% endfor %}" },
            _ => s_byteLevel with { ChatTemplate = "<|im_start|>" },
        };
        IReadOnlyList<Diagnostic> problems = TokenizerCheck.Problems(data);
        Assert.Equal(code is null ? [] : [code], problems.Select(p => p.Code));
        Assert.All(problems, p => Assert.Equal(DiagnosticSeverity.Warning, p.Severity));
    }

    public static TheoryData<string> Files { get; } =
    [
        "add-bos-string", "eos-array", "kv-heads-zero", "legacy-rot-embd", "missing-context-length", "missing-merges", "missing-pre", "missing-token-type", "more-tokens-than-rows",
        "odd-chat-template", "unknown-model", "unknown-pre", "version2",
    ];

    /// <summary>A file is refused, or compiled with a warning that comes true, or text works.</summary>
    [DataTheory("field/51-gguf-tokenizers")]
    [MemberData(nameof(Files))]
    public void A_warning_comes_true_and_without_one_text_works(string name)
    {
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "model.bin");
        ToolRun compile = ToolRun.Of("compile", TestData.Get($"field/51-gguf-tokenizers/{name}.gguf"), "-o", binary, "--context", "32");
        if (compile.ExitCode != 0)
        {
            Assert.Equal(3, compile.ExitCode);
            return;
        }
        bool cannotChat = compile.Error.Contains($"warning {ChatFormat.UnknownTemplate}", StringComparison.Ordinal);
        bool takesNoText = compile.Error.Contains("will not take text", StringComparison.Ordinal);
        Assert.Equal(takesNoText ? 3 : 0, ToolRun.Of("run", binary, "--prompt", "the", "--max-tokens", "2").ExitCode);
        if (cannotChat)
        {
            Assert.Contains(ChatFormat.UnknownTemplate, ToolRun.Of("run", binary, "--prompt", "the", "--chat", "--max-tokens", "2").Error, StringComparison.Ordinal);
        }
    }

    /// <summary>Tokenizers of published models are complete.</summary>
    [DataTheory("tokenizer")]
    [InlineData("llama-spm")]
    [InlineData("llama-bpe")]
    [InlineData("bert-bge")]
    public void Published_tokenizers_lose_no_text(string name) => Assert.Empty(TokenizerCheck.Problems(TokenizerFiles.Data($"tokenizer/{name}.gguf")));
}
