using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc compile</c> says. Members about the binary are absent when the compilation stopped before one existed.</summary>
internal sealed record CompilationDocument(
    string? File, string Chip, string Precision, long? Bytes, int? Instructions, long? WeightsBytes, FusedDocument Fused, IReadOnlyList<MemoryDocument> Memory,
    IReadOnlyList<DimensionDocument>? Dimensions, IReadOnlyList<TensorDocument>? Tensors, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    /// <param name="path">The file written; null when none was.</param>
    public static CompilationDocument Of(CompilationResult result, CompileOptions options, string? path, DiagnosticList diagnostics)
    {
        ProgramImage? image = result.Image;
        return new(path, options.Chip.Name, options.Precision.ToString().ToLowerInvariant(), path is null ? null : new FileInfo(path).Length,
            image?.EntryPoints.Sum(e => e.Instructions.Length), image?.Weights.Length, FusedDocument.Of(GraphSummary.Count(result.Graph)),
            [.. result.Report.Memory.Select(MemoryDocument.Of)],
            image is null ? null : [.. image.Dimensions.Select(d => new DimensionDocument(d.Name, d.Lower, d.Upper))],
            image is null ? null : [.. image.Tensors.Select(TensorDocument.Of)],
            [.. diagnostics.Select(DiagnosticDocument.Of)]);
    }

    public void WriteText(TextWriter output)
    {
        output.WriteLine($"{File}: {Numbers.Bytes(Bytes ?? 0)} for {Chip}, {Precision}");
        output.WriteLine($"  {Numbers.Count(Instructions ?? 0)} instructions, {Numbers.Bytes(WeightsBytes ?? 0)} of weights");
        output.WriteLine($"  recognised: {Fused.Text()}");
        foreach (MemoryDocument m in Memory)
        {
            output.WriteLine($"  {m.Memory}: {Numbers.Bytes(m.Peak)} of {Numbers.Bytes(m.Capacity)} planned, no plan needs less than {Numbers.Bytes(m.LowerBound)}{(m.Reserved == 0 ? "" : $"; {Numbers.Bytes(m.Reserved)} for the weight ring")}");
        }
        foreach (DimensionDocument d in Dimensions ?? [])
        {
            output.WriteLine($"  {d.Name} = {d.Lower}..{d.Upper}");
        }
    }
}

/// <param name="Reserved">Bytes of the weight ring, in front of the planned part.</param>
internal sealed record MemoryDocument(string Memory, long Peak, long LowerBound, long Reserved, long Capacity)
{
    public static MemoryDocument Of(MemoryUse use) => new(use.Space.ToString().ToUpperInvariant(), use.Peak, use.LowerBound, use.Reserved, use.Capacity);
}
