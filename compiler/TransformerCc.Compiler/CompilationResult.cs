using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Compiler;

/// <summary>
/// What a compilation produced. The image's weights still lie in the mapped model file, which must not change before
/// the binary is written.
/// </summary>
public sealed class CompilationResult
{
    /// <summary>The graph after the passes.</summary>
    public required Graph Graph { get; init; }

    /// <summary>The tile program; null when the compilation stopped before.</summary>
    public TileProgram? Tiles { get; init; }

    /// <summary>The binary; null when the compilation stopped before.</summary>
    public ProgramImage? Image { get; init; }

    public required CompilationReport Report { get; init; }
}

/// <param name="Memory">How full each scratchpad is; empty when the compilation stopped before planning.</param>
/// <param name="Semaphores">Channels in use.</param>
public sealed record CompilationReport(IReadOnlyList<MemoryUse> Memory, int Semaphores);
