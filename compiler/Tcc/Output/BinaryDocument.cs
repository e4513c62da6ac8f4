using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc inspect</c> says of a binary.</summary>
internal sealed record BinaryDocument(
    string File, long Bytes, string Chip, string ChipFingerprint, IReadOnlyList<string> Options, IReadOnlyList<SectionDocument> Sections, IReadOnlyList<EntryPointDocument> EntryPoints,
    IReadOnlyList<DimensionDocument> Dimensions, IReadOnlyList<TensorDocument> Tensors, IReadOnlyList<StateDocument> Caches, long WeightsBytes, int ParameterWords, int DebugEntries)
{
    public static BinaryDocument Of(string path, ProgramFile file)
    {
        ProgramImage image = file.Image;
        return new(path, new FileInfo(path).Length, image.ChipName, image.ChipFingerprint, image.Options,
            [.. file.Sections.Select(s => new SectionDocument(s.Name, s.Offset, s.Length))],
            [.. image.EntryPoints.Select(EntryPointDocument.Of)],
            [.. image.Dimensions.Select(d => new DimensionDocument(d.Name, d.Lower, d.Upper))],
            [.. image.Tensors.Select(TensorDocument.Of)],
            StateDocument.Of(image),
            image.Weights.Length, image.ParameterCount, image.Debug.Length);
    }

    public void WriteText(TextWriter output)
    {
        output.WriteLine($"{File}: {Numbers.Bytes(Bytes)}, for chip {Chip} ({ChipFingerprint[..Math.Min(12, ChipFingerprint.Length)]})");
        output.WriteLine($"options: {string.Join(' ', Options)}");
        output.WriteLine($"weights: {Numbers.Bytes(WeightsBytes)}; parameter block: {Numbers.Count(ParameterWords)} words; debug table: {Numbers.Count(DebugEntries)} entries");
        output.WriteLine();
        var sections = new TextTable("section", ">offset", ">bytes");
        foreach (SectionDocument s in Sections)
        {
            sections.Add(s.Name, Numbers.Count(s.Offset), Numbers.Count(s.Bytes));
        }
        sections.Write(output);
        output.WriteLine();
        TensorDocument.WriteTable(output, Dimensions, Tensors);
        StateDocument.WriteTable(output, Caches);
        foreach (EntryPointDocument e in EntryPoints)
        {
            output.WriteLine();
            output.WriteLine($"entry point {e.Name}: {Numbers.Count(e.Instructions)} instructions");
            var histogram = new TextTable("instruction", "engine", ">count");
            foreach ((string mnemonic, int count) in e.ByMnemonic)
            {
                histogram.Add(mnemonic, InstructionSet.FindMnemonic(mnemonic)?.Info.Engine.ToString() ?? "", Numbers.Count(count));
            }
            histogram.Write(output);
        }
    }
}

internal sealed record SectionDocument(string Name, long Offset, long Bytes);

internal sealed record EntryPointDocument(string Name, int Instructions, IReadOnlyDictionary<string, int> ByMnemonic)
{
    public static EntryPointDocument Of(EntryPoint e) => new(e.Name, e.Instructions.Length,
        new SortedDictionary<string, int>(e.Instructions.CountBy(i => i.Information.Mnemonic).ToDictionary(), StringComparer.Ordinal));
}

internal sealed record DimensionDocument(string Name, long Lower, long Upper);
