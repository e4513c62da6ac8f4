namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The keys general.* and tokenizer.* that are known. Other keys general.* describe a file, so that what is not here is passed
/// over; of tokenizer.* it is a warning. Names from gguf-py/gguf/constants.py of llama.cpp, meanings from src/llama-vocab.cpp.
/// </summary>
internal static class FileKeys
{
    public const string TokenizerPrefix = "tokenizer.";

    public static readonly MetadataKey
        Architecture = Used("general.architecture", "which tensors there are and how they are put together"),
        Alignment = Used("general.alignment", "data of tensors begin at multiples of it"),
        ModelName = Used("general.name", "name of the graph; the spaces that special tokens of Phi-3 and ModernBERT take"),
        Type = Only("general.type", "model", "the file holds a model", (value, _) => value.Text == "model"),
        Quantization = Only("general.quantization_version", "2", "the layout of blocks", (value, _) => value.Integer == 2);

    public static readonly MetadataKey
        Model = Tokenizer("model", "the kind of tokenizer"),
        Pre = Tokenizer("pre", "how text is cut into words"),
        Tokens = Tokenizer("tokens", "texts of the tokens"),
        Scores = Tokenizer("scores", "their scores"),
        TokenTypes = Tokenizer("token_type", "their types"),
        Merges = Tokenizer("merges", "which neighbours are joined, in this order"),
        CharacterMap = Tokenizer("precompiled_charsmap", "characters that stand for others"),
        Bos = Tokenizer("bos_token_id", "begin of text"),
        Eos = Tokenizer("eos_token_id", "end of text"),
        Eot = Tokenizer("eot_token_id", "end of a turn"),
        Eom = Tokenizer("eom_token_id", "end of a message"),
        Unknown = Tokenizer("unknown_token_id", "what stands for text that no token covers"),
        Padding = Tokenizer("padding_token_id", "what fills a row"),
        Separator = Tokenizer("seperator_token_id", "end of a sentence, as most files write the key"),
        SeparatorRight = Tokenizer("separator_token_id", "the same, spelt right"),
        Cls = Tokenizer("cls_token_id", "the token whose vector is that of the text"),
        Mask = Tokenizer("mask_token_id", "what stands for a hidden token"),
        AddBos = Tokenizer("add_bos_token", "whether a text gets its begin token"),
        AddEos = Tokenizer("add_eos_token", "whether a text gets its end token"),
        AddSeparator = Tokenizer("add_sep_token", "whether a text gets its separator"),
        AddSpacePrefix = Tokenizer("add_space_prefix", "whether a text gets a space in front"),
        RemoveExtraWhitespaces = Tokenizer("remove_extra_whitespaces", "whether runs of spaces become one"),
        Lowercase = Tokenizer("normalizer.lowercase", "whether text becomes lower-case"),
        StripAccents = Tokenizer("normalizer.strip_accents", "whether accents are taken off"),
        ChatTemplate = Used(TokenizerPrefix + "chat_template", "how a conversation is written");

    public static IReadOnlyList<MetadataKey> All { get; } =
    [
        Architecture, Alignment, ModelName, Type, Quantization, Without("general.*", "all other keys describe the file"),
        Model, Pre, Tokens, Scores, TokenTypes, Merges, CharacterMap, Bos, Eos, Eot, Eom, Unknown, Padding, Separator, SeparatorRight, Cls, Mask,
        AddBos, AddEos, AddSeparator, AddSpacePrefix, RemoveExtraWhitespaces, Lowercase, StripAccents, ChatTemplate,
        Only("tokenizer.ggml.suppress_tokens", "an empty list", "no token is barred from answers", (value, _) => value.Array?.Count == 0),
        Without("tokenizer.ggml.token_type_count", "the rows of token_types.weight say it"),
        Without("tokenizer.ggml.fim_*", "no text is filled in between others"),
        Without("tokenizer.ggml.prefix_token_id", "no text is filled in between others"),
        Without("tokenizer.ggml.suffix_token_id", "no text is filled in between others"),
        Without("tokenizer.ggml.middle_token_id", "no text is filled in between others"),
        Without("tokenizer.huggingface.json", "the same tokenizer in another form"),
        Without("tokenizer.chat_template.*", "the template without a name is the default"),
        Without("tokenizer.chat_templates", "the template without a name is the default"),
    ];

    /// <summary>The declaration of a key; null: none. A name that ends in * is declared for all keys that begin so.</summary>
    public static MetadataKey? Find(string name) =>
        All.FirstOrDefault(k => k.Name == name) ?? All.FirstOrDefault(k => k.Name.EndsWith('*') && name.StartsWith(k.Name[..^1], StringComparison.Ordinal));

    private static MetadataKey Used(string name, string meaning) => new(name, KeyUse.Used, meaning);

    private static MetadataKey Tokenizer(string name, string meaning) => Used(TokenizerPrefix + "ggml." + name, meaning);

    private static MetadataKey Only(string name, string values, string meaning, KeyCondition accepts) =>
        new(name, KeyUse.AcceptedOnly, meaning) { AcceptedValues = values, Accepts = accepts };

    private static MetadataKey Without(string name, string why) => new(name, KeyUse.WithoutEffect, why);
}
