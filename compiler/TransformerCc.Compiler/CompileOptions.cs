using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Compiler;

/// <summary>Everything a compilation depends on besides the model: the same options and model give the same bytes.</summary>
public sealed record CompileOptions
{
    public required ChipDescription Chip { get; init; }

    public Precision Precision { get; init; } = Precision.BF16;

    /// <summary>What caches hold; null: what the importer made them, the format of the precision.</summary>
    public CacheFormat? Cache { get; init; }

    /// <summary>Whether sequences share the pages of caches, by a table that comes with every run.</summary>
    public bool PagedCache { get; init; }

    /// <summary>Bindings of dimensions, and what concerns ONNX models only.</summary>
    public ImportOptions Import { get; init; } = new();

    /// <summary>What concerns GGUF models only.</summary>
    public GgufOptions Gguf { get; init; } = new();

    /// <summary>Name of a pass or stage whose result is printed to <see cref="PrintTo"/>; "all" for every one.</summary>
    public string? PrintAfter { get; init; }

    public TextWriter? PrintTo { get; init; }

    /// <summary>One of <see cref="CompilerDriver.Stages"/>; later stages do not run and the result has no image.</summary>
    public string? StopAfter { get; init; }

    /// <summary>Called after the import and after every pass, e.g. to compare what the graph computes.</summary>
    public Action<string, GraphIR.Graph>? AfterPass { get; init; }

    /// <summary>
    /// Asked for what a program will not be able to do with its tokenizer as soon as the model is read. Who runs programs knows;
    /// the compiler does not.
    /// </summary>
    public Func<TokenizerData, IReadOnlyList<Diagnostic>>? CheckTokenizer { get; init; }

    /// <summary>Called with the stage, the entry point and its program after tiling and after scheduling.</summary>
    public Action<string, string, TileIR.TileProgram>? AfterTiles { get; init; }

    /// <summary>Gets the name of each stage as it begins.</summary>
    public IProgress<string>? Progress { get; init; }

    /// <summary>The options as the user wrote them, recorded in the binary.</summary>
    public IReadOnlyList<string> Recorded { get; init; } = [];
}
