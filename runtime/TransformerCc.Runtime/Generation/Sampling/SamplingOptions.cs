namespace TransformerCc.Runtime.Generation.Sampling;

/// <summary>How the next token is chosen from the logits. The default takes the most likely one.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 takes the most likely token, whatever the filters say.</summary>
    public float Temperature { get; init; }

    /// <summary>Only the K most likely tokens; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the most likely tokens whose probabilities reach P together; 1 for all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Only tokens with at least P times the probability of the most likely one; 0 for all.</summary>
    public float MinP { get; init; }

    /// <summary>Divides the positive logits of recent tokens, multiplies the negative ones; 1 changes nothing.</summary>
    public float RepeatPenalty { get; init; } = 1;

    /// <summary>How many tokens back are recent, the prompt's included.</summary>
    public int RepeatWindow { get; init; } = 64;

    /// <summary>The same seed, prompt and options give the same text, alone or in a batch.</summary>
    public ulong Seed { get; init; }

    /// <summary>What is out of range, by the name of its option; null when all is well.</summary>
    public string? Problem =>
        !float.IsFinite(Temperature) || Temperature < 0 ? "the temperature is a number, 0 or more"
        : TopK < 0 ? "top-k is 0 or more"
        : !(TopP is > 0 and <= 1) ? "top-p is above 0, and at most 1"
        : !(MinP is >= 0 and <= 1) ? "min-p lies between 0 and 1"
        : !float.IsFinite(RepeatPenalty) || RepeatPenalty <= 0 ? "the repetition penalty is above 0"
        : RepeatWindow < 0 ? "the window of the repetition penalty is 0 or more"
        : null;
}
