using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>What a file says of its tokenizer (tokenizer.ggml.*, tokenizer.chat_template); null when it has none.</summary>
public static class TokenizerMetadata
{
    private const string Prefix = "tokenizer.ggml.";

    public static TokenizerData? Read(GgufFile file, long vocabulary, DiagnosticList diagnostics)
    {
        GgufValue? Value(string key) => file.Metadata.GetValueOrDefault(Prefix + key);
        if (Value("model") is not { } model || model.Text is "none" or "no_vocab")
        {
            return null;
        }
        void Refuse(string key, string reason) => diagnostics.Add(Diagnostic.Error(GgufCodes.Metadata, $"{Prefix}{key}: {reason}", file.Path));
        string[] tokens = Value("tokens")?.Array?.Strings() ?? [];
        if (model.Text is null || tokens.Length == 0)
        {
            Refuse(model.Text is null ? "model" : "tokens", model.Text is null ? $"it is {model}: a text is needed" : "the tokens are missing");
            return null;
        }
        if (tokens.Length > vocabulary)
        {
            Refuse("tokens", $"{tokens.Length} tokens, the embeddings have {vocabulary}");
            return null;
        }
        T[] PerToken<T>(string key, Func<GgufArray, T[]?> read)
        {
            if (Value(key) is not { } value)
            {
                return [];
            }
            T[]? values = value.Array is { } array ? read(array) : null;
            if (values is null || values.Length != tokens.Length)
            {
                Refuse(key, $"it is {value}: one number for each of the {tokens.Length} tokens is needed");
                return [];
            }
            return values;
        }
        int? Id(string key)
        {
            if (Value(key) is not { } value)
            {
                return null;
            }
            // Some converters write -1, as signed or unsigned, for a token that does not exist.
            if (value.Integer is -1 or uint.MaxValue)
            {
                return null;
            }
            if (value.Integer is { } id && id >= 0 && id < tokens.Length)
            {
                return (int)id;
            }
            Refuse(key, $"{value} is no token; there are {tokens.Length}");
            return null;
        }
        bool? Flag(string key)
        {
            if (Value(key) is { Flag: null } value)
            {
                Refuse(key, $"it is {value}: true or false is needed");
            }
            return Value(key)?.Flag;
        }
        long[] types = PerToken("token_type", a => a.Integers());
        if (Array.Exists(types, t => t is < 0 or > (long)TokenType.Byte))
        {
            Refuse("token_type", "types 0 to 6 are defined");
            types = [];
        }
        return new TokenizerData
        {
            Model = model.Text,
            Pre = Value("pre")?.Text ?? "",
            Tokens = ImmutableArray.Create(tokens),
            Scores = [.. PerToken("scores", a => a.Numbers()).Select(s => (float)s)],
            Types = [.. types.Select(t => (TokenType)t)],
            Merges = [.. Value("merges")?.Array?.Strings() ?? []],
            CharacterMap = [.. (Value("precompiled_charsmap")?.Array?.Integers() ?? []).Select(b => unchecked((byte)b))],
            Bos = Id("bos_token_id"),
            Eos = Id("eos_token_id"),
            Eot = Id("eot_token_id"),
            Eom = Id("eom_token_id"),
            Unknown = Id("unknown_token_id"),
            Padding = Id("padding_token_id"),
            // Written wrongly by the converters of most files that exist.
            Separator = Id("seperator_token_id") ?? Id("separator_token_id"),
            Cls = Id("cls_token_id"),
            Mask = Id("mask_token_id"),
            AddBos = Flag("add_bos_token"),
            AddEos = Flag("add_eos_token"),
            AddSeparator = Flag("add_sep_token"),
            AddSpacePrefix = Flag("add_space_prefix"),
            RemoveExtraWhitespaces = Flag("remove_extra_whitespaces"),
            Lowercase = Flag("normalizer.lowercase"),
            StripAccents = Flag("normalizer.strip_accents"),
            Architecture = file.Metadata.GetValueOrDefault("general.architecture")?.Text ?? "",
            ModelName = file.Metadata.GetValueOrDefault("general.name")?.Text ?? "",
            ChatTemplate = file.Metadata.GetValueOrDefault("tokenizer.chat_template")?.Text,
        };
    }
}
