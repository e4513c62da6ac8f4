using TransformerCc.Isa;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// How models cut text into words, by the name in <c>tokenizer.ggml.pre</c>. The expressions are those of the models'
/// tokenizer.json in the form that llama.cpp gives them (<c>llm_tokenizer_bpe</c>, <c>unicode_regex_split</c>), whose ids are
/// the reference; so they keep its simplifications: letters beyond ASCII are upper- and lower-case at once.
/// </summary>
internal static class PreTokenizers
{
    public const string UnknownPre = "TCC5202";

    private const string
        // GPT-2: a letter or number run with one space before it.
        Words = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        Contraction = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])",
        Spaces = @"\s*[\r\n]+|\s+(?!\S)|\s+",
        Others = @" ?[^\s\p{L}\p{N}]+[\r\n]*|" + Spaces,
        OthersWithSlash = @" ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Spaces,
        LetterRun = Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|",
        // Words that begin with capitals and go on in small letters, so that camelCase falls apart.
        Capitals = @"[^\r\n\p{L}\p{N}]?[\p{L}-[a-z]]*[\p{L}-[A-Z]]+", AllCapitals = @"[^\r\n\p{L}\p{N}]?[\p{L}-[a-z]]+[\p{L}-[A-Z]]*",
        MarkedCapitals = @"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}-[a-z]]*[\p{L}\p{M}-[A-Z]]+", AllMarkedCapitals = @"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}-[a-z]]+[\p{L}\p{M}-[A-Z]]*",
        MarkedRun = @"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:" + Contraction + ")?",
        Punctuated = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + Spaces,
        Cjk = @"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
        AsianScripts = @"[\u4E00-\u9FFF\u3400-\u4DBF\u8C48-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E40-\u0E7F\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF]+",
        NotPunctuation = @" ?[^(\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+",
        // Letters of the scripts with case.
        CasedLetters =
            @"[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481"
            + @"\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59"
            + @"\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124"
            + @"\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E"
            + @"\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A]+";

    private static readonly Dictionary<string, Lazy<PreTokenizer>> s_known = Known();

    /// <param name="name">Empty means default.</param>
    /// <exception cref="DiagnosticException">TCC5202: no model of this name is known.</exception>
    public static PreTokenizer Find(string name) => s_known.TryGetValue(name, out Lazy<PreTokenizer>? pre)
        ? pre.Value
        : throw new DiagnosticException(Diagnostic.Error(UnknownPre, $"the tokenizer cuts words in the way '{name}', which is not known", null, $"known are {string.Join(", ", s_known.Keys.Where(k => k.Length > 0).Order(StringComparer.Ordinal))}"));

    private static Dictionary<string, Lazy<PreTokenizer>> Known()
    {
        var known = new Dictionary<string, Lazy<PreTokenizer>>(StringComparer.Ordinal);
        Add(" default", () => Of(@"[\p{P}\$\+<=>\^~\|]+", Words, @"\p{N}+", "[0-9][0-9][0-9]"));
        Add("gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code roberta-bpe mpt olmo jais exaone4", () => Of(Words));
        Add("trillion granite-docling", () => Of(Words) with { CleanSpaces = false });
        Add("llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", () => Of(LetterRun + @"\p{N}{1,3}|" + Others) with { IgnoreMerges = true, AddBos = true });
        Add("dbrx smaug-bpe", () => Of(LetterRun + @"\p{N}{1,3}|" + Others));
        Add("glm4 chatglm-bpe", () => Of(LetterRun + @"\p{N}{1,3}|" + Others) with { HasBos = false });
        Add("minicpm5", () => Of(@"\p{N}{1,3}", LetterRun + @"\p{N}+|" + Others) with { IgnoreMerges = true });
        Add("qwen2 deepseek-r1-qwen kormo f2llmv2 hunyuan solar-open grok-2", () => Of(LetterRun + @"\p{N}|" + Others) with { CleanSpaces = false });
        Add("stablelm2 megrez", () => Of(LetterRun + @"\p{N}|" + Others));
        Add("qwen35", () => Of(Contraction + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Spaces) with { CleanSpaces = false });
        Add("laguna", () => Of(@"[^\n]+|\n+", LetterRun + @"\p{N}|" + Others) with { CleanSpaces = false });
        Add("bailingmoe bailingmoe2 llada-moe", () => Of(LetterRun + @"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+") with { CleanSpaces = false });
        Add("seed-coder", () => Of(LetterRun + @"\p{N}| ?[^\s\p{L}\p{N}]+|" + Spaces) with { CleanSpaces = false });
        Add("exaone-moe", () => Of(Contraction + @"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"));
        Add("starcoder refact codeshell exaone minerva-7b mellum2", () => Of(@"\p{N}", Words));
        Add("command-r smollm", () => Of(@"\p{N}", Words) with { CleanSpaces = false });
        Add("falcon", () => Of(@"[\p{P}\$\+<=>\^~\|`]+", Words, "[0-9][0-9][0-9]"));
        Add("bloom gpt3-finnish", () => Of(NotPunctuation));
        Add("poro-chat", () => Of(NotPunctuation) with { CleanSpaces = false });
        Add("viking", () => Of(NotPunctuation, @"\p{N}") with { CleanSpaces = false });
        Add("chameleon", () => Of("<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", @"[\t\n]|    |  ", @"\p{N}", @"[\p{P}!-/:-@\[-`{-~]", Words) with { AddBos = true, CleanSpaces = false });
        Add("tekken", () => Of($@"{Capitals}|{AllCapitals}|\p{{N}}|{OthersWithSlash}") with { IgnoreMerges = true, AddBos = true, CleanSpaces = false });
        Add("gpt-4o llama4 kanana2 talkie minimax-m2", () => Of($@"{Capitals}(?:{Contraction})?|{AllCapitals}(?:{Contraction})?|\p{{N}}{{1,3}}|{OthersWithSlash}") with { CleanSpaces = false });
        Add("granite-embed-multi-97m", () => Of($@"{MarkedCapitals}(?:{Contraction})?|{AllMarkedCapitals}(?:{Contraction})?|\p{{N}}{{1,3}}|{OthersWithSlash}") with { IgnoreMerges = true, CleanSpaces = false });
        Add("deepseek-llm", () => Of("[\r\n]", @"\s?" + CasedLetters, @"\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3001\u3002]+", @"(?<!\s)(?>\s+)\z", @"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", @"\p{N}+") with { CleanSpaces = false });
        Add("deepseek-coder", () => Of("[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", @"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", @"\p{N}") with { CleanSpaces = false });
        Add("deepseek-v3 hunyuan-dense joyai-llm", () => Of(@"\p{N}{1,3}", Cjk, Punctuated) with { CleanSpaces = false });
        Add("youtu", () => Of(
            @"[\uAC00-\uD7A3\u3131-\u318E]+|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F]+|[\u3105-\u312F]+|" + Cjk,
            $@"{MarkedRun}|\p{{N}}|{OthersWithSlash}") with
        { IgnoreMerges = true, CleanSpaces = false });
        Add("tiny_aya cohere2moe", () => new PreTokenizer([new DigitGroupSplitter(ascii: false, takesTextBefore: true), new RegexSplitter($@"{MarkedRun}|\p{{N}}{{1,3}}|{OthersWithSlash}")], CleanSpaces: false));
        Add("afmoe", () => new PreTokenizer(
            [new DigitGroupSplitter(ascii: false, takesTextBefore: true), new RegexSplitter(AsianScripts), new RegexSplitter(Punctuated)], CleanSpaces: false));
        Add("superbpe", () => new PreTokenizer([new RegexSplitter(@"\p{N}+"), new DigitGroupSplitter(ascii: true, takesTextBefore: false)], CleanSpaces: false));
        return known;

        void Add(string names, Func<PreTokenizer> create)
        {
            var pre = new Lazy<PreTokenizer>(create);
            foreach (string name in names.Split(' '))
            {
                known.Add(name, pre);
            }
        }
    }

    private static PreTokenizer Of(params string[] patterns) => new([.. patterns.Select(p => new RegexSplitter(p))]);
}
