using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Binding;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Checking;

/// <summary>What an entry point does with memory at some sizes.</summary>
/// <param name="Sizes">As text.</param>
/// <param name="Findings">Accesses out of bounds, uninitialised reads, races, outputs that are not complete.</param>
/// <param name="IsComplete">False: the sizes are so large that the run was ended early, or not begun.</param>
public sealed record SizesResult(string Sizes, IReadOnlyList<Finding> Findings, bool IsComplete);

/// <summary>
/// Runs a program without inputs, weights or arithmetic: every instruction is dispatched, its accesses are checked as in
/// checking mode, no byte moves. Values that a program loads from memory, other than lengths (experts, pages), read as 0.
/// </summary>
public static class FootprintRun
{
    /// <summary>Bytes of accesses at one size, some seconds.</summary>
    private const long MaxTraffic = 1L << 32;

    /// <summary>Bytes of tensors that a program writes: each has a shadow of its size.</summary>
    private const long MaxTensors = 1L << 31;

    /// <summary>The entry point at a sample of the sizes that it takes.</summary>
    public static IEnumerable<SizesResult> RunAll(ProgramImage image, EntryPoint entry, ChipDescription chip, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(chip);
        var program = new PreparedProgram(entry.Name, entry.Instructions, image.Debug);
        using var scratch = new ScratchMemory(chip.Memory);
        foreach (IReadOnlyDictionary<string, long> sizes in SampleSizes.Of(image, entry))
        {
            yield return Run(image, program, chip, scratch, sizes, cancellation);
        }
    }

    private static SizesResult Run(ProgramImage image, PreparedProgram program, ChipDescription chip, ScratchMemory scratch, IReadOnlyDictionary<string, long> sizes, CancellationToken cancellation)
    {
        string text = SampleSizes.Text(sizes);
        VirtualDram dram;
        try
        {
            dram = VirtualDram.Of(image, DimensionBinder.BindGiven(image, sizes), sizes);
        }
        catch (DiagnosticException)
        {
            // Sizes that do not go together are refused before any run.
            return new(text, [], IsComplete: true);
        }
        if (dram.Segments.Where(s => !s.ReadOnly).Sum(s => (double)s.Length) > MaxTensors)
        {
            return new(text, [], IsComplete: false);
        }
        var memories = new Memories(scratch, new DramMap(dram.Segments));
        using var checker = new RaceChecker(program, memories, wholeTables: true);
        foreach (DramSegment state in dram.Segments.Where(s => s.Kind == TensorKind.State && sizes[image.Tensors.First(t => t.Kind == TensorKind.State && t.Name == s.Name).State!.Past] > 0))
        {
            checker.MarkWritten(state.Name, [(0, state.Length)]);
        }
        try
        {
            bool isComplete = new Machine(program, chip, memories, dram.Parameters, checker, null, cancellation, new KnownScalars(dram.Known)).Run(MaxTraffic);
            if (isComplete)
            {
                checker.CheckOutputs();
            }
            return new(text, checker.Findings, isComplete);
        }
        catch (TrapException trap)
        {
            return new(text, [.. checker.Findings, new(FindingKind.OutOfBounds, trap.Message)], IsComplete: true);
        }
    }
}
