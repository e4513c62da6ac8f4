namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>
/// A small tokenizer for synthetic models, so that they take text: SentencePiece with a token for each byte, or WordPiece with
/// one for each character. Tokens beyond those have names that no text contains.
/// </summary>
internal static class SyntheticTokenizer
{
    private const int Normal = 1, Unknown = 2, Control = 3, Byte = 6;

    /// <summary>Printable ASCII without the space, which begins a word.</summary>
    private static IEnumerable<string> Characters => Enumerable.Range(0x21, 0x5E).Select(c => ((char)c).ToString());

    public static int Smallest(bool isWordPiece) => isWordPiece ? 5 + (2 * Characters.Count()) : 3 + 256;

    /// <summary>As many tokens as a binary holds.</summary>
    public const long Largest = 1 << 22;

    public static void AddTo(GgufWriter writer, long vocabulary, bool isWordPiece)
    {
        List<(string Text, int Type)> tokens = isWordPiece
            ? [("[PAD]", Control), ("[UNK]", Unknown), ("[CLS]", Control), ("[SEP]", Control), ("[MASK]", Control), .. Characters.Select(c => ($"▁{c}", Normal)), .. Characters.Select(c => (c, Normal))]
            : [("<unk>", Unknown), ("<s>", Control), ("</s>", Control), .. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", Byte))];
        if (!isWordPiece)
        {
            tokens.AddRange(Characters.Prepend("▁").Take((int)long.Min(Characters.Count() + 1, vocabulary - tokens.Count)).Select(c => (c, Normal)));
        }
        for (int i = tokens.Count; i < vocabulary; i++)
        {
            tokens.Add((FormattableString.Invariant($"▁token{i}"), Normal));
        }
        writer.Add("tokenizer.ggml.model", isWordPiece ? "bert" : "llama")
            .Add("tokenizer.ggml.tokens", [.. tokens.Select(t => t.Text)])
            .Add<float>("tokenizer.ggml.scores", [.. tokens.Select((_, i) => -(float)i)])
            .Add<int>("tokenizer.ggml.token_type", [.. tokens.Select(t => t.Type)]);
        if (isWordPiece)
        {
            writer.Add("tokenizer.ggml.padding_token_id", 0u).Add("tokenizer.ggml.unknown_token_id", 1u).Add("tokenizer.ggml.cls_token_id", 2u)
                .Add("tokenizer.ggml.bos_token_id", 2u).Add("tokenizer.ggml.eos_token_id", 3u).Add("tokenizer.ggml.seperator_token_id", 3u).Add("tokenizer.ggml.mask_token_id", 4u);
        }
        else
        {
            writer.Add("tokenizer.ggml.unknown_token_id", 0u).Add("tokenizer.ggml.bos_token_id", 1u).Add("tokenizer.ggml.eos_token_id", 2u).Add("tokenizer.ggml.add_bos_token", true);
        }
    }
}
