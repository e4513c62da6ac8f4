using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// Which tokens end an answer. Files name one or two; others are known by their text, as llama.cpp knows them. A token with
/// such a text becomes a control token whatever the file says of it.
/// </summary>
internal sealed class EndOfGeneration(Vocabulary vocabulary)
{
    private static readonly string[] s_ends =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>",
        "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
    ];

    private static readonly string[] s_ofTurn =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ];

    /// <summary>Marks of fill-in-the-middle: padding, repository and file end an answer too.</summary>
    private static readonly string[][] s_infillEnds =
    [
        ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
        ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ["<|file_sep|>"],
    ];

    private static readonly string[][] s_infill =
    [
        ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
        ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
        ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
    ];

    public IReadOnlySet<int> Recognize(TokenizerData data)
    {
        var ends = new SortedSet<int>();
        foreach (string[] names in s_infill)
        {
            ControlToken(names);
        }
        ends.UnionWith(s_infillEnds.Select(ControlToken).OfType<int>());
        int? ofTurn = data.Eot ?? ControlToken(s_ofTurn), ofMessage = data.Eom ?? ControlToken(["<|eom_id|>"]);
        foreach (string name in s_ends)
        {
            if (ControlToken([name]) is int id)
            {
                ends.Add(id);
            }
        }
        // The harmony format prints its channel marks.
        foreach (string name in (string[])["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"])
        {
            if (vocabulary.Find(name) is int id)
            {
                vocabulary.Set(id, TokenTraits.UserDefined);
            }
        }
        ends.UnionWith(((int?[])[vocabulary.Eos, ofTurn, ofMessage]).OfType<int>());

        // Formats with other ends use these two inside an answer.
        bool calls = Ends("<|call|>") || Ends("<|calls|>");
        if (calls && (Ends("<|return|>") || Ends("<|flush|>")))
        {
            Exclude("<|end|>", TokenTraits.UserDefined);
        }
        if (Ends("<|tool_response>"))
        {
            Exclude("</s>", TokenTraits.Normal);
        }
        return ends;

        bool Ends(string name) => vocabulary.Find(name) is int id && ends.Contains(id);

        void Exclude(string name, TokenTraits traits)
        {
            if (vocabulary.Find(name) is int id && ends.Remove(id))
            {
                vocabulary.Set(id, traits);
            }
        }
    }

    /// <summary>The first of the names that is a token, made a control token.</summary>
    private int? ControlToken(string[] names)
    {
        int? id = names.Select(n => vocabulary.Find(n)).FirstOrDefault(i => i is not null);
        if (id is int found)
        {
            vocabulary.Add(found, TokenTraits.Control);
        }
        return id;
    }
}
