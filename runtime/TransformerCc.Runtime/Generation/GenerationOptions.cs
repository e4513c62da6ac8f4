using TransformerCc.Runtime.Generation.Sampling;

namespace TransformerCc.Runtime.Generation;

/// <summary>How to generate.</summary>
public sealed record GenerationOptions
{
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Most tokens of each answer; null: until it ends or the context is full.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>An answer ends before the first of these.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Go on behind the model's own end.</summary>
    public bool IgnoreEnd { get; init; }

    /// <summary>Begin and end tokens where the model wants them; not for text that has them already.</summary>
    public bool AddSpecial { get; init; } = true;

    /// <summary>Control tokens written in the prompt are recognised: for prompts made by a chat template.</summary>
    public bool ParseSpecial { get; init; }

    /// <summary>Most tokens of a prompt in one run; the result does not depend on it.</summary>
    public int PrefillLength { get; init; } = 512;
}

/// <summary>Why an answer is over.</summary>
public enum FinishReason
{
    /// <summary>The model has said that the text or the turn ends.</summary>
    End,
    StopString,
    MaxTokens,
    /// <summary>The sequence has as many positions as the program was compiled for.</summary>
    ContextFull,
}

/// <summary>A step of one answer.</summary>
/// <param name="Sequence">Index of the prompt.</param>
/// <param name="Token">What the model chose.</param>
/// <param name="Text">What can be shown now: not half a character, nor the possible beginning of a stop string.</param>
/// <param name="Finish">Set in the last step of the answer.</param>
public sealed record GeneratedToken(int Sequence, int Token, string Text, FinishReason? Finish);

/// <summary>What a generation took on the host. Filled while it runs.</summary>
public sealed class GenerationStatistics
{
    /// <summary>Tokens of all prompts, begin tokens included.</summary>
    public long PromptTokens { get; internal set; }

    /// <summary>Tokens of all answers.</summary>
    public long GeneratedTokens { get; internal set; }

    /// <summary>Time of the runs that read prompts.</summary>
    public TimeSpan Prefill { get; internal set; }

    /// <summary>Time of the runs with one token of each sequence.</summary>
    public TimeSpan Decode { get; internal set; }

    /// <summary>Tokens that the runs counted in <see cref="Decode"/> brought.</summary>
    public long DecodedTokens { get; internal set; }
}
