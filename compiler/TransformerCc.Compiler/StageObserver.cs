using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;

namespace TransformerCc.Compiler;

/// <summary>What happens around stages and passes: progress, printing, verification, the caller's own check.</summary>
internal sealed class StageObserver
{
    private readonly CompileOptions _options;

    public StageObserver(CompileOptions options)
    {
        _options = options;
        if (options.StopAfter is { } stop && !CompilerDriver.Stages.Contains(stop))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC7010", $"there is no stage '{stop}'", help: $"the stages are {string.Join(", ", CompilerDriver.Stages)}"), FailureKind.Usage);
        }
    }

    public void Begin(string stage) => _options.Progress?.Report(stage);

    public bool Stops(string stage) => _options.StopAfter == stage;

    public void Graph(string stage, Graph graph)
    {
        Throw(GraphVerifier.Verify(graph), stage);
        Pass(stage, graph);
    }

    /// <summary>After a pass, which the pipeline has verified.</summary>
    public void Pass(string pass, Graph graph)
    {
        if (_options.PrintAfter is "all" || _options.PrintAfter == pass)
        {
            _options.PrintTo?.WriteLine($"// after {pass}");
            _options.PrintTo?.WriteLine(GraphPrinter.Print(graph));
        }
        _options.AfterPass?.Invoke(pass, graph);
    }

    public void Tiles(string stage, NamedProgram program)
    {
        TileProgram tiles = program.Tiles;
        if (_options.PrintAfter is "all" || _options.PrintAfter == stage)
        {
            _options.PrintTo?.WriteLine($"// after {stage}");
            foreach (TilingChoice choice in tiles.Choices)
            {
                _options.PrintTo?.WriteLine($"// cut {choice}");
            }
            _options.PrintTo?.WriteLine(TilePrinter.Print(tiles));
        }
        Throw(TileVerifier.Verify(tiles), stage);
        _options.AfterTiles?.Invoke(stage, program.Name, tiles);
    }

    /// <summary>A broken IR is a defect of the compiler, so the failing pass is what the reader needs.</summary>
    private static void Throw(DiagnosticList found, string pass)
    {
        if (found.HasErrors)
        {
            throw new InvalidOperationException($"pass {pass} left a broken program:{Environment.NewLine}{string.Join(Environment.NewLine, found)}");
        }
    }
}
