using TransformerCc.Compiler.Analysis;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Compiler;

/// <summary>The compiler from a model file to the image of a binary. Its stages are the folders of this project, in order.</summary>
public static class CompilerDriver
{
    /// <summary>The stages, for --stop-after.</summary>
    public static IReadOnlyList<string> Stages { get; } = ["import", "graph", "tile", "schedule", "codegen"];

    /// <summary>
    /// Compiles a model. Notes and warnings go to <paramref name="diagnostics"/>; a <see cref="DiagnosticException"/> holds
    /// every error of the stage that failed.
    /// </summary>
    public static CompilationResult Compile(string modelPath, CompileOptions options, DiagnosticList diagnostics)
    {
        try
        {
            return Run(modelPath, options, diagnostics);
        }
        catch (OverflowException)
        {
            // Sizes and addresses are computed with checks; what exceeds 64 bits is no tensor that any chip could hold.
            throw new DiagnosticException(Diagnostic.Error("TCC3012", "a size or an address of the model exceeds 64 bits", modelPath, "bound the dimensions of the model (--bind)"));
        }
    }

    private static CompilationResult Run(string modelPath, CompileOptions options, DiagnosticList diagnostics)
    {
        var observer = new StageObserver(options);

        observer.Begin("import");
        (Graph graph, TokenizerData? tokenizer) = ModelImporter.Import(modelPath, options, diagnostics);
        diagnostics.AddRange(tokenizer is null ? [] : options.CheckTokenizer?.Invoke(tokenizer) ?? []);
        observer.Graph("import", graph);
        if (observer.Stops("import"))
        {
            return new CompilationResult { Graph = graph, Report = new([], 0) };
        }

        observer.Begin("graph");
        GraphPipeline.Run(graph, new PassContext { Diagnostics = diagnostics, AfterPass = observer.Pass }, [.. GraphPipeline.Default, .. GraphPipeline.Caches(options.Cache, options.PagedCache)]);
        observer.Pass("graph", graph);
        if (observer.Stops("graph"))
        {
            return new CompilationResult { Graph = graph, Report = new([], 0) };
        }

        observer.Begin("tile");
        IReadOnlyList<NamedProgram> programs = EntryPrograms.Lower(graph, options.Chip, options.Precision);
        Observe("tile");
        if (observer.Stops("tile"))
        {
            return new CompilationResult { Graph = graph, Tiles = programs[0].Tiles, Report = new([], 0) };
        }

        observer.Begin("schedule");
        foreach (NamedProgram program in programs)
        {
            WeightPrefetch.Run(program.Tiles);
        }
        EntryProgram[] placed = [.. programs.Select(p => new EntryProgram(p.Name, p.Tiles, MemoryPlanner.Place(p.Tiles, options.Chip)))];
        int semaphores = placed.Max(p => ChannelAssignment.Run(p.Tiles, p.Plan));
        var report = new CompilationReport(placed[0].Plan.Use, semaphores);
        Observe("schedule");
        if (observer.Stops("schedule"))
        {
            return new CompilationResult { Graph = graph, Tiles = programs[0].Tiles, Report = report };
        }

        observer.Begin("codegen");
        ProgramImage image = CodeGenerator.Emit(placed, options.Chip, ChipDescriptions.Fingerprint(options.Chip), options.Recorded, diagnostics) with { Tokenizer = tokenizer, Work = NecessaryWork.Of(graph, options.Precision) };
        return new CompilationResult { Graph = graph, Tiles = programs[0].Tiles, Image = image, Report = report };

        void Observe(string stage)
        {
            foreach (NamedProgram program in programs)
            {
                observer.Tiles(stage, program);
            }
        }
    }
}
