using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Checking;

namespace TransformerCc.Runtime.Loader;

/// <summary>
/// A binary made ready to run on one chip: checked, decoded once, its weights in place. Any number of sessions may run
/// it, also at the same time.
/// </summary>
public sealed class LoadedProgram : IDisposable
{
    /// <summary>Most words of a parameter block; far above any program's need.</summary>
    private const int MaxParameters = 1 << 16;

    private readonly ImmutableDictionary<string, PreparedProgram> _entryPoints;
    private readonly WeightMemory _weights;
    private readonly ProgramFile? _file;

    private LoadedProgram(ProgramImage image, ChipDescription chip, ProgramFile? file, IReadOnlyList<Diagnostic> undecided)
    {
        _file = file;
        Undecided = undecided;
        Image = image;
        Chip = chip;
        _entryPoints = image.EntryPoints.ToImmutableDictionary(e => e.Name, e => new PreparedProgram(e.Name, e.Instructions, image.Debug), StringComparer.Ordinal);
        _weights = WeightMemory.Of(image.Weights);
    }

    public ProgramImage Image { get; }

    public ChipDescription Chip { get; }

    /// <summary>Notes (TCC5018): what loading could neither prove nor refute, and the machine checks as it runs.</summary>
    public IReadOnlyList<Diagnostic> Undecided { get; }

    internal WeightMemory Weights => _weights;

    /// <summary>Opens a binary; its weights stay in the mapped file.</summary>
    /// <param name="chip">Null: one of the presets, by the fingerprint in the file.</param>
    /// <exception cref="DiagnosticException">Why the file is refused: what <see cref="ProgramFile.Open"/> or <see cref="Load"/> say.</exception>
    public static LoadedProgram Open(string path, ChipDescription? chip = null)
    {
        ProgramFile file = ProgramFile.Open(path, chip);
        try
        {
            return Prepare(file.Image, chip ?? PresetOf(file.Image), file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Checks an image against the chip and prepares it.</summary>
    /// <exception cref="DiagnosticException">TCC5001–TCC5017: everything that is wrong with it.</exception>
    /// <param name="prove">Also refuse what is shown to deadlock or to leave a scratchpad before it runs; else the machine traps.</param>
    public static LoadedProgram Load(ProgramImage image, ChipDescription chip, bool prove = true) => Prepare(image, chip, null, prove);

    private static LoadedProgram Prepare(ProgramImage image, ChipDescription chip, ProgramFile? file, bool prove = true)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(chip);
        var diagnostics = new DiagnosticList();
        bool fits = CheckChip(image, chip, diagnostics);
        foreach (EntryPoint entry in image.EntryPoints)
        {
            ProgramStructure.Check(entry, diagnostics);
        }
        CheckSymbols(image, diagnostics);
        CheckLimits(image, diagnostics);
        IReadOnlyList<Diagnostic> undecided = prove && !diagnostics.HasErrors ? Prove(image, chip, diagnostics) : [];
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics, fits ? FailureKind.InvalidInput : FailureKind.DoesNotFit);
        }
        return new LoadedProgram(image, chip, file, undecided);
    }

    public void Dispose()
    {
        _weights.Dispose();
        _file?.Dispose();
    }

    /// <inheritdoc cref="EntryChoice.Of"/>
    internal PreparedProgram EntryPoint(string? name, IReadOnlyDictionary<string, long> dimensions) => _entryPoints[EntryChoice.Of(Image, name, dimensions).Name];

    private static ChipDescription PresetOf(ProgramImage image) =>
        ChipDescriptions.Presets.FirstOrDefault(c => ChipDescriptions.Fingerprint(c) == image.ChipFingerprint)
        ?? throw new DiagnosticException(Diagnostic.Error("TCC5014", $"the program was made for chip '{image.ChipName}', which is no preset", null, "give the chip's description (--chip FILE.json)"));

    /// <summary>False when the program is too large for the chip.</summary>
    private static bool CheckChip(ProgramImage image, ChipDescription chip, DiagnosticList diagnostics)
    {
        if (image.ChipFingerprint != ChipDescriptions.Fingerprint(chip))
        {
            diagnostics.Add(Diagnostic.Error("TCC5001", $"the program was made for chip '{image.ChipName}' (fingerprint {Short(image.ChipFingerprint)}), not for '{chip.Name}' ({Short(ChipDescriptions.Fingerprint(chip))})", null, "compile for this chip, or run with the chip description the program was compiled for"));
        }
        if (image.EntryPoints.Length == 0 || image.EntryPoints.DistinctBy(e => e.Name).Count() != image.EntryPoints.Length)
        {
            diagnostics.Add(Diagnostic.Error("TCC5002", "the program has no entry point, or two of the same name"));
        }
        long bytes = image.EntryPoints.Sum(e => (long)e.Instructions.Length * Instruction.Size);
        if (bytes <= chip.Memory.ProgramBytes)
        {
            return true;
        }
        diagnostics.Add(Diagnostic.Error("TCC5003", FormattableString.Invariant($"the program takes {bytes} bytes, the chip's program memory holds {chip.Memory.ProgramBytes}")));
        return false;
    }

    private static void CheckSymbols(ProgramImage image, DiagnosticList diagnostics)
    {
        if (image.ParameterCount is < 1 or > MaxParameters)
        {
            diagnostics.Add(Diagnostic.Error("TCC5009", $"a parameter block of {image.ParameterCount} words (1 to {MaxParameters} are allowed)"));
        }
        // Word 0 is the address of the weights.
        var taken = new Dictionary<int, string> { [0] = "weights" };
        foreach ((string name, int index) in image.Dimensions.Select(d => (d.Name, d.ParameterIndex)).Concat(image.Tensors.Select(t => (t.Name, t.ParameterIndex))))
        {
            if (index < 0 || index >= image.ParameterCount)
            {
                diagnostics.Add(Diagnostic.Error("TCC5010", $"parameter {index} of '{name}' lies outside the block of {image.ParameterCount} words"));
            }
            else if (!taken.TryAdd(index, name))
            {
                diagnostics.Add(Diagnostic.Error("TCC5011", $"parameter {index} belongs to both '{taken[index]}' and '{name}'"));
            }
        }
        var symbols = new HashSet<string>(StringComparer.Ordinal);
        foreach (DimensionSymbol d in image.Dimensions)
        {
            if (!symbols.Add(d.Name) || d.Lower < 0 || d.Lower > d.Upper)
            {
                diagnostics.Add(Diagnostic.Error("TCC5012", $"dimension '{d.Name}' occurs twice or has the bounds {d.Lower} to {d.Upper}"));
            }
        }
        CheckStates(image, diagnostics);
        var names = new HashSet<(TensorKind, string)>();
        foreach (TensorSymbol t in image.Tensors)
        {
            IEnumerable<string> unknown = t.Shape.SelectMany((DimExpr e) => e.Symbols).Where(s => !symbols.Contains(s)).Distinct();
            if (!names.Add((t.Kind, t.Name)) || unknown.Any())
            {
                diagnostics.Add(Diagnostic.Error("TCC5013", $"tensor '{t.Name}' occurs twice or has unknown dimensions ({string.Join(", ", unknown)})"));
            }
        }
    }

    private static void CheckStates(ProgramImage image, DiagnosticList diagnostics)
    {
        var inputs = new Dictionary<string, TensorSymbol>(StringComparer.Ordinal);
        foreach (TensorSymbol t in image.Tensors.Where(t => t.Kind == TensorKind.Input))
        {
            inputs.TryAdd(t.Name, t);
        }
        TensorSymbol? firstPaged = image.Tensors.FirstOrDefault(t => t.State?.Mode == StateMode.Paged);
        foreach (TensorSymbol t in image.Tensors.Where(t => t.Kind == TensorKind.State || t.State is not null))
        {
            TensorSymbol? past = t.State is { } state ? inputs.GetValueOrDefault(state.Past) : null;
            bool counts = past is { Type: ElementType.I64, Shape.Length: 1 } && (past.Shape[0] == t.Shape.FirstOrDefault() || t.State!.Mode == StateMode.Paged);
            if (t.Kind != TensorKind.State || t.Shape.Length != StateDescription.Rank || !counts)
            {
                diagnostics.Add(Diagnostic.Error("TCC5016", $"state '{t.Name}' needs {StateDescription.Rank} dimensions and an i64 input that counts the positions of each sequence"));
            }
            else if (t.State!.Mode == StateMode.Paged && !IsPaged(t, firstPaged!, past!.Shape[0]))
            {
                diagnostics.Add(Diagnostic.Error("TCC5016", $"the paged state '{t.Name}' needs the input '{StateDescription.PageTable}' with the pages of each sequence, and the pages that all others have"));
            }
        }

        bool IsPaged(TensorSymbol t, TensorSymbol first, DimExpr sequences)
        {
            bool alike = t.State!.Past == first.State!.Past && t.State.Length == first.State.Length && t.Shape[StateDescription.BatchAxis] == first.Shape.FirstOrDefault()
                && t.Shape[StateDescription.SlotAxis].ConstantValue is > 0 and { } size && first.Shape.ElementAtOrDefault(StateDescription.SlotAxis)?.ConstantValue == size;
            return alike && inputs.GetValueOrDefault(StateDescription.PageTable) is { Type: ElementType.I64, Fill: not null, Shape: [var rows, _] } && rows == sequences;
        }
    }

    /// <summary>Adds what a proof for all sizes refutes.</summary>
    /// <returns>What it cannot decide.</returns>
    private static Diagnostic[] Prove(ProgramImage image, ChipDescription chip, DiagnosticList diagnostics)
    {
        ILookup<bool, string> findings = image.EntryPoints.SelectMany(e => StaticChecks.Findings(e).Concat(ScratchBounds.Run(e, image, chip))).ToLookup(f => f.Kind == FindingKind.Undecided, f => f.Message);
        diagnostics.AddRange(findings[false].Select(f => Diagnostic.Error("TCC5017", f)));
        return [.. findings[true].Select(f => Diagnostic.Note("TCC5018", f))];
    }

    private static void CheckLimits(ProgramImage image, DiagnosticList diagnostics)
    {
        bool known = image.EntryPoints.SelectMany(e => e.Limits).All(l => image.Dimensions.Any(d => d.Name == l.Dimension));
        if (!known || image.EntryPoints is [{ Limits.Length: > 0 }, ..])
        {
            diagnostics.Add(Diagnostic.Error("TCC5015", "an entry point limits an unknown dimension, or the first has limits"));
        }
    }

    private static string Short(string fingerprint) => fingerprint.Length > 12 ? fingerprint[..12] : fingerprint;
}
