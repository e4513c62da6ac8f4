using System.Text;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Isa.BinaryFile;
using TransformerCc.Tests.Tiling;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>Readers of text and tensors, and small inputs for each.</summary>
internal static class ReaderSeeds
{
    /// <summary>Texts up to this length: parsing should cost microseconds, not milliseconds.</summary>
    private const int LongestText = 1500;

    public static ICampaign Tensors() => new ReaderCampaign(
        [Npy(Tensor.From<float>(ElementType.F32, [2, 3], [1, 2, 3, 4, 5, 6])), Npy(Tensor.From<long>(ElementType.I64, [4], [1, -2, 3, 4])), Npy(Tensor.From<byte>(ElementType.Bool, [2, 1, 2], [0, 1, 1, 0])), Npy(Tensor.From<ushort>(ElementType.F16, [], [0x3c00]))],
        (bytes, random) => random.OneIn(2) ? TextInBytes(bytes, random) : ByteMutator.Mutate(bytes, random),
        (bytes, _) =>
        {
            using var stream = new MemoryStream(bytes);
            Tensor tensor = NpyFile.Read(stream, "tensor.npy");
            Assert.True(tensor.Data.Length <= bytes.Length);
        });

    public static ICampaign Chips() => new ReaderCampaign([.. ChipDescriptions.Presets.Select(c => Bytes(ChipDescriptions.ToJson(c with { Comment = "", Origins = new Dictionary<string, string>() })))], TextMutator.Mutate,
        (bytes, _) => Assert.Empty(ChipDescriptions.Validate(ChipDescriptions.Parse(Encoding.UTF8.GetString(bytes), "chip.json"))));

    /// <summary>What is read is printed and read again: the same text.</summary>
    public static ICampaign Graphs() => new ReaderCampaign([.. SmallGraphs.All.Select(g => $"graph \"g\" {{\n{g.Text}\n}}\n").Where(t => t.Length < LongestText).Select(Bytes)], TextMutator.Mutate, (bytes, _) =>
    {
        string printed = GraphPrinter.Print(GraphParser.Parse(Encoding.UTF8.GetString(bytes)));
        Assert.Equal(printed, GraphPrinter.Print(GraphParser.Parse(printed)));
    });

    /// <inheritdoc cref="Graphs"/>
    public static ICampaign Assembly()
    {
        ProgramImage sample = SampleImage.Create() with { Tokenizer = null, Weights = new BytesWeightSection(new byte[64]) };
        IEnumerable<string> programs = sample.EntryPoints[0].Instructions.Where(i => i is not Halt).Chunk(4).Select(few => Disassembler.Print(sample with { EntryPoints = [new("main", [.. few, new Halt()])] }));
        return new ReaderCampaign([.. programs.Where(IsRead).Select(Bytes)], TextMutator.Mutate, (bytes, _) =>
        {
            string printed = Disassembler.Print(Assembler.Assemble(Encoding.UTF8.GetString(bytes), "program.tasm"));
            Assert.Equal(printed, Disassembler.Print(Assembler.Assemble(printed, "program.tasm")));
        });
    }

    public static ICampaign OnnxFiles() => new ReaderCampaign(OnnxSeeds.Small, OnnxMutator.Mutate, (bytes, _) => OnnxImporter.Import(OnnxModelFile.Parse(bytes, "model.onnx"), new ImportOptions(), []));

    private static bool IsRead(string text)
    {
        try
        {
            Assembler.Assemble(text, "program.tasm");
            return true;
        }
        catch (DiagnosticException)
        {
            return false;
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Npy(Tensor tensor)
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, tensor);
        return stream.ToArray();
    }

    /// <summary>The header, which is text, without its first bytes; the length field is damaged as bytes only.</summary>
    private static byte[] TextInBytes(byte[] bytes, CampaignRandom random)
    {
        int start = Array.IndexOf(bytes, (byte)'{'), end = Array.IndexOf(bytes, (byte)'\n');
        string header = Encoding.Latin1.GetString(bytes, start, end - start).TrimEnd();
        string changed = Encoding.UTF8.GetString(TextMutator.Mutate(Bytes(header), random)).PadRight(end - start);
        return [.. bytes[..start], .. Bytes(changed[..int.Min(changed.Length, end - start)]), .. bytes[end..]];
    }
}
