namespace TransformerCc.Runtime.Checking;

public enum FindingKind
{
    /// <summary>Bytes are read that nothing wrote.</summary>
    UninitialisedRead,
    /// <summary>Two engines access the same bytes, one of them writing, and no semaphore orders them.</summary>
    Race,
    /// <summary>Bytes of an output that the program never wrote.</summary>
    UnwrittenOutput,
}

/// <summary>Something that checking mode found: the program ran on, but its result is not to be trusted.</summary>
/// <param name="Message">Both instructions with their index, text and model node, and the bytes.</param>
public sealed record Finding(FindingKind Kind, string Message)
{
    public override string ToString() => Message;
}
