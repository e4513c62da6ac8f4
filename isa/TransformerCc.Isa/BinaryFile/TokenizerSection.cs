using System.Collections.Immutable;
using System.Text;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>The tokenizer section: writing, reading, and what must hold. Empty when the program has no tokenizer.</summary>
internal static class TokenizerSection
{
    /// <summary>Bytes of an empty text: its length.</summary>
    private const int SmallestText = 4;

    private enum Flag { Absent, No, Yes }

    public static void Write(SectionWriter w, TokenizerData? t)
    {
        if (t is null)
        {
            return;
        }
        w.Text(t.Model);
        w.Text(t.Pre);
        Texts(t.Tokens);
        w.UInt32(t.Scores.Length);
        foreach (float score in t.Scores)
        {
            w.Single(score);
        }
        w.UInt32(t.Types.Length);
        w.Raw([.. t.Types.Select(type => (byte)type)]);
        Texts(t.Merges);
        w.UInt32(t.CharacterMap.Length);
        w.Raw(t.CharacterMap.AsSpan());
        foreach ((_, int? id) in t.Ids)
        {
            w.UInt32(id is int i ? i + 1 : 0);
        }
        foreach (bool? flag in (bool?[])[t.AddBos, t.AddEos, t.AddSeparator, t.AddSpacePrefix, t.RemoveExtraWhitespaces, t.Lowercase, t.StripAccents])
        {
            w.UInt32((int)(flag switch { null => Flag.Absent, false => Flag.No, true => Flag.Yes }));
        }
        w.Text(t.Architecture);
        w.Text(t.ModelName);
        w.UInt32(t.ChatTemplate is null ? 0 : 1);
        w.Text(t.ChatTemplate ?? "");

        void Texts(ImmutableArray<string> texts)
        {
            w.UInt32(texts.Length);
            foreach (string text in texts)
            {
                w.Text(text);
            }
        }
    }

    public static TokenizerData? Read(ref SectionReader r)
    {
        if (r.IsEmpty)
        {
            return null;
        }
        string model = r.Text("the tokenizer's model", FileLimits.NameBytes), pre = r.Text("the tokenizer's pre", FileLimits.NameBytes);
        ImmutableArray<string> tokens = Texts(ref r, "token", FileLimits.Tokens);
        var scores = new float[r.Count("the number of scores", FileLimits.Tokens, sizeof(float))];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = r.Single("a score");
        }
        var data = new TokenizerData
        {
            Model = model,
            Pre = pre,
            Tokens = tokens,
            Scores = [.. scores],
            Types = [.. r.Raw("the token types", FileLimits.Tokens).ToArray().Select(b => (TokenType)b)],
            Merges = Texts(ref r, "merge", FileLimits.Merges),
            CharacterMap = [.. r.Raw("the character map", FileLimits.CharacterMapBytes)],
            Bos = Id(ref r),
            Eos = Id(ref r),
            Eot = Id(ref r),
            Eom = Id(ref r),
            Unknown = Id(ref r),
            Padding = Id(ref r),
            Separator = Id(ref r),
            Cls = Id(ref r),
            Mask = Id(ref r),
            AddBos = Optional(ref r),
            AddEos = Optional(ref r),
            AddSeparator = Optional(ref r),
            AddSpacePrefix = Optional(ref r),
            RemoveExtraWhitespaces = Optional(ref r),
            Lowercase = Optional(ref r),
            StripAccents = Optional(ref r),
            Architecture = r.Text("the architecture", FileLimits.NameBytes),
            ModelName = r.Text("the name of the model", FileLimits.NameBytes),
        };
        bool hasTemplate = r.UInt32("whether there is a chat template", 1) == 1;
        string template = r.Text("the chat template", FileLimits.LongTextBytes);
        r.End();
        return hasTemplate ? data with { ChatTemplate = template } : data;
    }

    /// <summary>Every violation, as code and message.</summary>
    public static IEnumerable<(string Code, FormattableString Message)> Check(TokenizerData t)
    {
        if (t.Tokens.Length is 0 or > FileLimits.Tokens)
        {
            yield return (FileCodes.Count, $"the tokenizer has {t.Tokens.Length} tokens: 1 to {FileLimits.Tokens} are allowed");
        }
        if (t.Merges.Length > FileLimits.Merges || t.CharacterMap.Length > FileLimits.CharacterMapBytes)
        {
            yield return (FileCodes.Count, $"the tokenizer has {t.Merges.Length} merges and a character map of {t.CharacterMap.Length} bytes: {FileLimits.Merges} and {FileLimits.CharacterMapBytes} are allowed");
        }
        foreach ((string what, int count) in new[] { ("scores", t.Scores.Length), ("token types", t.Types.Length) })
        {
            if (count != 0 && count != t.Tokens.Length)
            {
                yield return (FileCodes.Tokenizer, $"the tokenizer has {count} {what} for {t.Tokens.Length} tokens");
            }
        }
        if (t.Scores.Any(float.IsNaN))
        {
            yield return (FileCodes.Tokenizer, $"the score of token {t.Scores.ToList().FindIndex(float.IsNaN)} is not a number");
        }
        if (t.Types.Any(type => !Enum.IsDefined(type)))
        {
            yield return (FileCodes.Tokenizer, $"token type {(int)t.Types.First(type => !Enum.IsDefined(type))} is not known");
        }
        foreach ((string name, int? id) in t.Ids.Where(i => i.Id < 0 || i.Id >= t.Tokens.Length))
        {
            yield return (FileCodes.Tokenizer, $"the {name} token has the id {id}, the tokenizer has {t.Tokens.Length} tokens");
        }
        if (new[] { t.Model, t.Pre, t.Architecture, t.ModelName }.Any(n => Encoding.UTF8.GetByteCount(n) > FileLimits.NameBytes) || t.Tokens.Concat(t.Merges).Any(s => Encoding.UTF8.GetByteCount(s) > FileLimits.TokenBytes)
            || Encoding.UTF8.GetByteCount(t.ChatTemplate ?? "") > FileLimits.LongTextBytes)
        {
            yield return (FileCodes.Text, $"a text of the tokenizer is too long: names have at most {FileLimits.NameBytes} bytes, tokens and merges {FileLimits.TokenBytes}, the chat template {FileLimits.LongTextBytes}");
        }
        if (t.Tokens.Concat(t.Merges).Sum(s => (long)Encoding.UTF8.GetByteCount(s)) > FileLimits.TokenizerBytes)
        {
            yield return (FileCodes.Count, $"the tokens and merges of the tokenizer have more than {FileLimits.TokenizerBytes} bytes");
        }
    }

    private static ImmutableArray<string> Texts(ref SectionReader r, string what, int limit)
    {
        var texts = new string[r.Count($"the number of {what}s", limit, SmallestText)];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = r.Text($"a {what}", FileLimits.TokenBytes);
        }
        return [.. texts];
    }

    private static int? Id(ref SectionReader r) => r.UInt32("the id of a special token", FileLimits.Tokens) is > 0 and int id ? id - 1 : null;

    private static bool? Optional(ref SectionReader r) => r.Enum<Flag>("a flag of the tokenizer") switch { Flag.Absent => null, Flag.No => false, _ => true };
}
