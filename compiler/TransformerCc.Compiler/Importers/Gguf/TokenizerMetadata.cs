using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>What a file says of its tokenizer (tokenizer.ggml.*, tokenizer.chat_template); null when it has none.</summary>
public static class TokenizerMetadata
{
    public static TokenizerData? Read(GgufFile file, long vocabulary, DiagnosticList diagnostics)
    {
        GgufValue? Value(MetadataKey key) => file.Metadata.GetValueOrDefault(key.Name);
        if (Value(FileKeys.Model) is not { } model || model.Text is "none" or "no_vocab")
        {
            return null;
        }
        void Refuse(MetadataKey key, string reason) => diagnostics.Add(Diagnostic.Error(GgufCodes.Metadata, $"{key.Name}: {reason}", file.Path));
        string[] tokens = Value(FileKeys.Tokens)?.Array?.Strings() ?? [];
        if (model.Text is null || tokens.Length == 0)
        {
            Refuse(model.Text is null ? FileKeys.Model : FileKeys.Tokens, model.Text is null ? $"it is {model}: a text is needed" : "the tokens are missing");
            return null;
        }
        if (tokens.Length > vocabulary)
        {
            Refuse(FileKeys.Tokens, $"{tokens.Length} tokens, the embeddings have {vocabulary}");
            return null;
        }
        T[] PerToken<T>(MetadataKey key, Func<GgufArray, T[]?> read)
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
        int? Id(MetadataKey key)
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
        bool? Flag(MetadataKey key)
        {
            if (Value(key) is { Flag: null } value)
            {
                Refuse(key, $"it is {value}: true or false is needed");
            }
            return Value(key)?.Flag;
        }
        long[] types = PerToken(FileKeys.TokenTypes, a => a.Integers());
        if (Array.Exists(types, t => t is < 0 or > (long)TokenType.Byte))
        {
            Refuse(FileKeys.TokenTypes, "types 0 to 6 are defined");
            types = [];
        }
        return new TokenizerData
        {
            Model = model.Text,
            Pre = Value(FileKeys.Pre)?.Text ?? "",
            Tokens = ImmutableArray.Create(tokens),
            Scores = [.. PerToken(FileKeys.Scores, a => a.Numbers()).Select(s => (float)s)],
            Types = [.. types.Select(t => (TokenType)t)],
            Merges = [.. Value(FileKeys.Merges)?.Array?.Strings() ?? []],
            CharacterMap = [.. (Value(FileKeys.CharacterMap)?.Array?.Integers() ?? []).Select(b => unchecked((byte)b))],
            Bos = Id(FileKeys.Bos),
            Eos = Id(FileKeys.Eos),
            Eot = Id(FileKeys.Eot),
            Eom = Id(FileKeys.Eom),
            Unknown = Id(FileKeys.Unknown),
            Padding = Id(FileKeys.Padding),
            // Written wrongly by the converters of most files that exist.
            Separator = Id(FileKeys.Separator) ?? Id(FileKeys.SeparatorRight),
            Cls = Id(FileKeys.Cls),
            Mask = Id(FileKeys.Mask),
            AddBos = Flag(FileKeys.AddBos),
            AddEos = Flag(FileKeys.AddEos),
            AddSeparator = Flag(FileKeys.AddSeparator),
            AddSpacePrefix = Flag(FileKeys.AddSpacePrefix),
            RemoveExtraWhitespaces = Flag(FileKeys.RemoveExtraWhitespaces),
            Lowercase = Flag(FileKeys.Lowercase),
            StripAccents = Flag(FileKeys.StripAccents),
            Architecture = Value(FileKeys.Architecture)?.Text ?? "",
            ModelName = Value(FileKeys.ModelName)?.Text ?? "",
            ChatTemplate = Value(FileKeys.ChatTemplate)?.Text,
        };
    }
}
