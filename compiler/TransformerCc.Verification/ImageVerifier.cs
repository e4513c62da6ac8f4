using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Checking;

namespace TransformerCc.Verification;

/// <summary>One of the things that a program must hold to, and what was found.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="Scope">For what it holds.</param>
/// <param name="Errors">Where it does not.</param>
/// <param name="Undecided">Where nobody can tell without running.</param>
public sealed record ImageCheck(string Name, string Scope, IReadOnlyList<string> Errors, IReadOnlyList<string> Undecided);

/// <summary>
/// Shows that a program is sound without weights, inputs or a reference: semaphores and scratchpad accesses for all sizes
/// and trip counts, everything else that memory can go wrong with at a sample of sizes. The reader of the file has
/// checked checksums, symbols, encodings, loops and branches before.
/// </summary>
public static class ImageVerifier
{
    /// <summary>What needs no sizes; quick. For an image that was not loaded: loading proves the same.</summary>
    /// <exception cref="DiagnosticException">TCC6009: the program can deadlock, uses a semaphore against its rules, or leaves a scratchpad.</exception>
    public static void Prove(ProgramImage image, ChipDescription chip)
    {
        Diagnostic[] errors = [.. Static(image, chip).SelectMany(c => c.Errors).Select(e => Diagnostic.Error("TCC6009", e))];
        if (errors.Length > 0)
        {
            throw new DiagnosticException(errors, FailureKind.Failed);
        }
    }

    /// <summary>Everything, one check after the other as they end.</summary>
    /// <param name="progress">Told of the sizes that are tried.</param>
    public static IEnumerable<ImageCheck> Verify(ProgramImage image, ChipDescription chip, IProgress<string>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        foreach (ImageCheck check in Static(image, chip))
        {
            yield return check;
        }
        foreach (EntryPoint entry in image.EntryPoints)
        {
            var results = new List<SizesResult>();
            foreach (SizesResult result in FootprintRun.RunAll(image, entry, chip, cancellation))
            {
                results.Add(result);
                progress?.Report($"{entry.Name}: {result.Sizes}");
            }
            yield return new($"every access of {entry.Name}: in bounds, ordered, of written bytes; outputs complete", $"{results.Count(r => r.IsComplete)} of {results.Count} sizes tried",
                [.. results.SelectMany(r => r.Findings.Select(f => $"{r.Sizes}: {f.Message}"))],
                [.. results.Where(r => !r.IsComplete).Select(r => $"{r.Sizes}: too large to follow to the end")]);
        }
    }

    private static IEnumerable<ImageCheck> Static(ProgramImage image, ChipDescription chip)
    {
        yield return Of("semaphores: balance, channels, no deadlock", image.EntryPoints.SelectMany(StaticChecks.Run));
        yield return Of("scratchpad accesses in bounds", image.EntryPoints.SelectMany(e => ScratchBounds.Run(e, image, chip)));
    }

    private static ImageCheck Of(string name, IEnumerable<Finding> findings)
    {
        ILookup<bool, string> found = findings.ToLookup(f => f.Kind == FindingKind.Undecided, f => f.Message);
        return new(name, "all sizes and trip counts", [.. found[false]], [.. found[true]]);
    }
}
