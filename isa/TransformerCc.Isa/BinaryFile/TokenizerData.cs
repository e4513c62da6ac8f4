using System.Collections.Immutable;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>What a token is, by the numbers of <c>tokenizer.ggml.token_type</c> (llama.cpp, <c>llama_token_type</c>).</summary>
public enum TokenType : byte
{
    Undefined = 0,
    Normal = 1,
    Unknown = 2,
    /// <summary>Begin, end, turn marks: never printed, found in text only where special tokens are asked for.</summary>
    Control = 3,
    /// <summary>Added by hand: found in any text before the rest is split.</summary>
    UserDefined = 4,
    Unused = 5,
    /// <summary>One byte, written <c>&lt;0x0A&gt;</c>.</summary>
    Byte = 6,
}

/// <summary>
/// What a GGUF file says of its tokenizer, as it says it: a null is a key the file does not have, whose meaning is the
/// tokenizer's own default. The names of the keys are those of the GGUF specification below <c>tokenizer.ggml.</c>
/// </summary>
public sealed record TokenizerData
{
    /// <summary><c>model</c>: "llama" (SentencePiece BPE), "gpt2" (byte-level BPE), "bert" (WordPiece), "t5" (unigram).</summary>
    public required string Model { get; init; }

    /// <summary><c>pre</c>: how byte-level BPE cuts text into words, e.g. "llama-bpe"; empty when absent.</summary>
    public string Pre { get; init; } = "";

    /// <summary><c>tokens</c>: the text of token i in the spelling of the model; at least one.</summary>
    public required ImmutableArray<string> Tokens { get; init; }

    /// <summary><c>scores</c>: empty, or one for each token.</summary>
    public ImmutableArray<float> Scores { get; init; } = [];

    /// <summary><c>token_type</c>: empty (all normal), or one for each token.</summary>
    public ImmutableArray<TokenType> Types { get; init; } = [];

    /// <summary><c>merges</c>: "left right", the first has the highest priority.</summary>
    public ImmutableArray<string> Merges { get; init; } = [];

    /// <summary><c>precompiled_charsmap</c>: the normaliser of a unigram model, in SentencePiece's own form.</summary>
    public ImmutableArray<byte> CharacterMap { get; init; } = [];

    public int? Bos { get; init; }

    public int? Eos { get; init; }

    /// <summary>End of turn.</summary>
    public int? Eot { get; init; }

    /// <summary>End of message.</summary>
    public int? Eom { get; init; }

    public int? Unknown { get; init; }

    public int? Padding { get; init; }

    /// <summary><c>seperator_token_id</c>, also with the spelling <c>separator_token_id</c>.</summary>
    public int? Separator { get; init; }

    public int? Cls { get; init; }

    public int? Mask { get; init; }

    public bool? AddBos { get; init; }

    public bool? AddEos { get; init; }

    /// <summary><c>add_sep_token</c></summary>
    public bool? AddSeparator { get; init; }

    public bool? AddSpacePrefix { get; init; }

    public bool? RemoveExtraWhitespaces { get; init; }

    /// <summary><c>normalizer.lowercase</c> of WordPiece.</summary>
    public bool? Lowercase { get; init; }

    /// <summary><c>normalizer.strip_accents</c> of WordPiece.</summary>
    public bool? StripAccents { get; init; }

    /// <summary><c>general.architecture</c> and <c>general.name</c>, empty when absent: some models' special tokens take the spaces beside them, which no key says.</summary>
    public string Architecture { get; init; } = "";

    public string ModelName { get; init; } = "";

    /// <summary><c>tokenizer.chat_template</c>: the Jinja text.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>The ids with the names they have in texts, in the order of the file.</summary>
    internal ImmutableArray<(string Name, int? Id)> Ids =>
    [
        ("bos", Bos), ("eos", Eos), ("eot", Eot), ("eom", Eom), ("unknown", Unknown), ("padding", Padding), ("separator", Separator), ("cls", Cls), ("mask", Mask),
    ];
}
