namespace TransformerCc.Isa.BinaryFile;

/// <summary>The sections of a TX1 binary, each exactly once, in the order of <see cref="FileLayout.Kinds"/>. The numbers are in the file and never change.</summary>
public enum SectionKind
{
    /// <summary>Names of entry points and how many instructions each has.</summary>
    Entries = 1,
    /// <summary>The 64-byte instructions of all entry points, one after the other.</summary>
    Text = 2,
    /// <summary>Length of the parameter block, dimensions, tensors.</summary>
    Symbols = 3,
    Debug = 4,
    Options = 5,
    /// <summary>Last, so that it can be streamed; page aligned, so that it can be mapped.</summary>
    Weights = 6,
    /// <summary>Vocabulary and rules of a language model; empty without.</summary>
    Tokenizer = 7,
    /// <summary>The least that each graph node costs; empty where nobody knows.</summary>
    Work = 8,
}

/// <summary>A section as the table has it; offset and length in bytes.</summary>
public sealed record FileSection(SectionKind Kind, long Offset, long Length)
{
    /// <summary>The name in texts: entries, text, symbols, debug, work, options, tokenizer, weights.</summary>
    public string Name => Kind switch
    {
        SectionKind.Entries => "entries",
        SectionKind.Text => "text",
        SectionKind.Symbols => "symbols",
        SectionKind.Debug => "debug",
        SectionKind.Work => "work",
        SectionKind.Options => "options",
        SectionKind.Tokenizer => "tokenizer",
        _ => "weights",
    };
}

/// <summary>
/// Where things lie in the file. All numbers are little-endian, what is reserved and what pads is zero. Checksums are XXH128
/// with seed 0 in its canonical form (github.com/Cyan4973/xxHash, doc/xxhash_spec.md): they are to find damage, and every
/// start of a program reads gigabytes of weights through them.
/// <code>
/// header   0 magic (8)   8 version (4)   12 sections (4)   16 file length (8)   24 chip fingerprint (32)
///         56 chip name, UTF-8 (64)   120 reserved (8)   128 checksum of the table (16)   144 checksum of bytes 0 to 143 (16)
/// table  160 for each section: kind (4)   reserved (4)   offset (8)   length (8)   reserved (8)   checksum of its bytes (16)
/// </code>
/// </summary>
internal static class FileLayout
{
    public const uint Version = 7;

    public const int VersionAt = 8, SectionCountAt = 12, FileLengthAt = 16, FingerprintAt = 24, ChipNameAt = 56, TableHashAt = 128, HeaderHashAt = 144, HeaderSize = 160;

    public const int EntryOffsetAt = 8, EntryLengthAt = 16, EntryHashAt = 32, EntrySize = 48;

    public const int HashSize = 16, FingerprintSize = 32, ChipNameSize = 64;

    public const int SectionAlignment = 64, WeightAlignment = 4096;

    /// <summary>Line ends and the DOS end-of-file character show a file that passed as text, as in PNG.</summary>
    public static ReadOnlySpan<byte> Magic => "TX1\0\r\n\u001a\n"u8;

    public static IReadOnlyList<SectionKind> Kinds { get; } =
    [
        SectionKind.Entries, SectionKind.Text, SectionKind.Symbols, SectionKind.Debug, SectionKind.Work, SectionKind.Options, SectionKind.Tokenizer, SectionKind.Weights,
    ];

    public static int TableSize => Kinds.Count * EntrySize;

    public static int Alignment(SectionKind kind) => kind == SectionKind.Weights ? WeightAlignment : SectionAlignment;
}

/// <summary>The most a file may hold: far above what programs need, low enough that no reader chokes.</summary>
internal static class FileLimits
{
    public const int EntryPoints = 64, Parameters = 1 << 16, Dimensions = 1 << 12, Tensors = 1 << 16, Rank = 32, Options = 1 << 12;

    /// <summary>Source tags have 16 bits.</summary>
    public const int DebugEntries = 1 << 16;

    public const int WorkEntries = 1 << 20;

    public const int TextBytes = 1 << 30;

    /// <summary>Bytes of UTF-8.</summary>
    public const int NameBytes = 1 << 12, ExpressionBytes = 1 << 12, LongTextBytes = 1 << 20;

    /// <summary>The largest vocabularies have 2^18 tokens.</summary>
    public const int Tokens = 1 << 22, Merges = 1 << 22, TokenBytes = 1 << 16, CharacterMapBytes = 1 << 24, TokenizerBytes = 1 << 29;
}
