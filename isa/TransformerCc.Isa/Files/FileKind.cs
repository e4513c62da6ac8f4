namespace TransformerCc.Isa.Files;

/// <summary>A kind of file that people give in place of another.</summary>
/// <param name="Describe">What the file is, with its article; null when it is not of this kind.</param>
internal sealed record FileKind(Func<FileStart, string?> Describe)
{
    /// <summary>What our readers take such a file for: damage within one is told by its reader.</summary>
    public IReadOnlyList<FileRole> Roles { get; init; } = [];

    /// <summary>Whether such a file lies where another should: whatever is wanted, the way on is <see cref="Help"/>.</summary>
    public bool StandsForAnother { get; init; }

    /// <summary>The way on from such a file, where a model or, with <see cref="StandsForAnother"/>, anything is wanted. PATH is the file.</summary>
    public string? Help { get; init; }
}
