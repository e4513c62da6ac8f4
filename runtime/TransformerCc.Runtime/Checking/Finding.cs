namespace TransformerCc.Runtime.Checking;

public enum FindingKind
{
    /// <summary>Bytes are read that nothing wrote.</summary>
    UninitialisedRead,
    /// <summary>Two engines access the same bytes, one of them writing, and no semaphore orders them.</summary>
    Race,
    /// <summary>Bytes of an output that the program never wrote.</summary>
    UnwrittenOutput,
    /// <summary>An acquire finds no unit.</summary>
    Deadlock,
    /// <summary>A semaphore's count exceeds 65535.</summary>
    Overflow,
    /// <summary>Two engines at one end of a semaphore.</summary>
    ChannelEnds,
    /// <summary>Units of a semaphore are left over at the end: a channel has lost an end.</summary>
    Unbalanced,
    /// <summary>An access leaves its scratchpad.</summary>
    OutOfBounds,
    /// <summary>The static check can prove neither deadlock nor its absence.</summary>
    Undecided,
}

/// <summary>Something that checking mode or a static check found: the program's result is not to be trusted on every timing.</summary>
/// <param name="Message">The instructions concerned with their index, text and model node, and the bytes.</param>
public sealed record Finding(FindingKind Kind, string Message)
{
    public override string ToString() => Message;
}
