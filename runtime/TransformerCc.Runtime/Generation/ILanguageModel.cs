namespace TransformerCc.Runtime.Generation;

/// <summary>A model that predicts the next token of several sequences at once.</summary>
public interface ILanguageModel
{
    /// <summary>Most sequences in one run.</summary>
    long MaxSequences { get; }

    /// <summary>Most positions of a sequence, prompt and answer together.</summary>
    long MaxContext { get; }

    /// <summary>Most tokens of each sequence in one run.</summary>
    long MaxLength { get; }

    /// <summary>Begins sequences without any position.</summary>
    /// <param name="context">Positions that each may reach, at most <see cref="MaxContext"/>.</param>
    ISequences Begin(int sequences, long context);
}

/// <summary>Sequences with the positions they have in the cache.</summary>
public interface ISequences
{
    /// <summary>Appends tokens to each sequence. Rows have the same length; the end of a row may be padding.</summary>
    /// <param name="past">Positions of each sequence that count; at most as many as runs so far have computed.</param>
    /// <param name="lengths">Tokens of each row that are no padding, at least one.</param>
    /// <returns>What follows the last token of each row that is no padding.</returns>
    IReadOnlyList<Prediction> Run(IReadOnlyList<int[]> rows, long[] past, long[] lengths, CancellationToken cancellation);

    /// <summary>A sequence is over: what it holds may go. Later runs have padding in its row, with nothing past.</summary>
    void End(int sequence) { }
}
