using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;
using Xunit;

namespace TransformerCc.Tests.Isa.BinaryFile;

/// <summary>An image survives its file; what breaks a rule is refused before a byte is written.</summary>
public sealed class ProgramFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string FilePath => Path.Combine(_folder.FullName, "program.bin");

    public void Dispose() => _folder.Dispose();

    [Property(MaxTest = 20)]
    public void What_is_written_is_read(int seed)
    {
        ProgramImage image = SampleImage.Create(seed);
        ProgramFileWriter.Write(image, FilePath);
        using ProgramFile file = ProgramFile.Open(FilePath, ChipDescriptions.Load("tx1"));
        ProgramImage read = file.Image;
        Assert.Equal((image.ChipName, image.ChipFingerprint, image.ParameterCount), (read.ChipName, read.ChipFingerprint, read.ParameterCount));
        Assert.Equal(image.EntryPoints.Select(e => e.Name), read.EntryPoints.Select(e => e.Name));
        Assert.Equal(image.EntryPoints.SelectMany(e => e.Instructions), read.EntryPoints.SelectMany(e => e.Instructions));
        Assert.Equal(image.Dimensions.ToArray(), read.Dimensions.ToArray());
        Assert.Equal(image.Tensors.Select(t => t with { Shape = [] }), read.Tensors.Select(t => t with { Shape = [] }));
        Assert.Equal(image.Tensors.SelectMany(t => t.Shape), read.Tensors.SelectMany(t => t.Shape));
        Assert.Equal(image.Debug.ToArray(), read.Debug.ToArray());
        Assert.Equal(image.Work.ToArray(), read.Work.ToArray());
        Assert.Equal(image.Options.ToArray(), read.Options.ToArray());
        Assert.Equal(Bytes(image.Weights), Bytes(read.Weights));
        TokenizerData written = image.Tokenizer!, back = read.Tokenizer!;
        Assert.Equal(written.Tokens.ToArray(), back.Tokens.ToArray());
        Assert.Equal(written.Scores.ToArray(), back.Scores.ToArray());
        Assert.Equal(written.Types.ToArray(), back.Types.ToArray());
        Assert.Equal(written.Merges.ToArray(), back.Merges.ToArray());
        Assert.Equal(written.CharacterMap.ToArray(), back.CharacterMap.ToArray());
        Assert.Equal(WithoutArrays(written), WithoutArrays(back));
    }

    [Fact]
    public void The_same_image_gives_the_same_bytes()
    {
        ProgramFileWriter.Write(SampleImage.Create(), FilePath);
        byte[] first = File.ReadAllBytes(FilePath);
        ProgramFile.Write(FilePath, SampleImage.Create());
        Assert.Equal(first, File.ReadAllBytes(FilePath));
        Assert.Single(Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public void Weights_are_an_aligned_view_of_the_file()
    {
        ProgramImage image = SampleImage.Create();
        ProgramFileWriter.Write(image, FilePath);
        ProgramFile file = ProgramFile.Open(FilePath);
        FileSection section = file.Sections[^1];
        Assert.Equal(("weights", 1024L, 0L), (section.Name, section.Length, section.Offset % 4096));
        Assert.Equal(Bytes(image.Weights)[100..164], file.Weights.Slice(100, 64).ToArray());
        Assert.Equal(Bytes(image.Weights)[100..164], file.Weights.Memory(100, 64).ToArray());
        Assert.True(file.Weights.Slice(1024, 0).IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Weights.Slice(1000, 25).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Weights.Slice(-1, 1).Length);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Weights.Slice(0, 1).Length);
    }

    [Fact]
    public void A_program_without_weights_or_tensors_is_a_program()
    {
        ProgramImage sample = SampleImage.Create();
        ProgramFileWriter.Write(sample with { EntryPoints = [sample.EntryPoints[0]], Weights = BytesWeightSection.Empty, Tensors = [], Dimensions = [], Work = [], Options = [], Tokenizer = null, ParameterCount = 1 }, FilePath);
        using ProgramFile file = ProgramFile.Open(FilePath);
        Assert.Equal(0, file.Image.Weights.Length);
        Assert.Null(file.Image.Tokenizer);
        Assert.True(ProgramFile.IsProgram(FilePath));
        File.WriteAllText(FilePath, "a model");
        Assert.False(ProgramFile.IsProgram(FilePath));
        Assert.False(ProgramFile.IsProgram(FilePath + ".none"));
    }

    [Fact]
    public void A_program_for_another_chip_is_refused()
    {
        ProgramFileWriter.Write(SampleImage.Create(), FilePath);
        var e = Assert.Throws<DiagnosticException>(() => ProgramFile.Open(FilePath, ChipDescriptions.Load("tx1-edge")));
        Assert.Equal("TCC4059", e.Diagnostics[0].Code);
        Assert.Contains("tx1-edge", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_that_break_a_rule_are_not_written()
    {
        ProgramImage good = SampleImage.Create();
        DimensionSymbol batch = good.Dimensions[0], length = good.Dimensions[1], context = good.Dimensions[2];
        TensorSymbol tokens = good.Tensors[0];
        Refused("TCC4070", good with { ChipName = new string('x', 65) });
        Refused("TCC4070", good with { ChipFingerprint = "abc" });
        Refused("TCC4062", good with { EntryPoints = [] });
        Refused("TCC4067", good with { EntryPoints = [good.EntryPoints[0], good.EntryPoints[0]] });
        Refused("TCC4069", good with { EntryPoints = [new("main", [new Halt { Tag = 3 }])] });
        Refused("TCC4067", good with { Dimensions = [batch, length, context, batch] });
        Refused("TCC4068", good with { Dimensions = [batch, context] });
        Refused("TCC4068", good with { Dimensions = [batch with { Lower = 5 }, length, context] });
        Refused("TCC4068", good with { Dimensions = [batch with { Lower = -1 }, length, context] });
        Refused("TCC4066", good with { Dimensions = [batch with { ParameterIndex = 0 }, length, context] });
        Refused("TCC4066", good with { Dimensions = [batch with { ParameterIndex = 9 }, length, context] });
        Refused("TCC4066", good with { Tensors = [tokens with { ParameterIndex = -1 }] });
        Refused("TCC4067", good with { Tensors = [tokens, tokens] });
        Refused("TCC4063", good with { Tensors = [tokens with { Name = "" }] });
        Refused("TCC4062", good with { Tensors = [tokens with { Shape = [.. Enumerable.Repeat(DimExpr.One, 33)] }] });
        Refused("TCC4064", good with { Tensors = [tokens with { Shape = [DimExpr.Symbol("batch size")] }] });
        Refused("TCC4068", good with { EntryPoints = [good.EntryPoints[1]] });
        Refused("TCC4068", good with { EntryPoints = [good.EntryPoints[0], good.EntryPoints[1] with { Limits = [new("nothing", 1)] }] });
        Refused("TCC4068", good with { EntryPoints = [good.EntryPoints[0], good.EntryPoints[1] with { Limits = [new("batch", 0)] }] });
        TensorSymbol past = good.Tensors[3], keys = good.Tensors[4];
        Refused("TCC4068", good with { Dimensions = [batch, length, context with { Default = DimExpr.Symbol("nothing") }] });
        Refused("TCC4072", good with { Tensors = [tokens, past with { Type = ElementType.F32 }] });
        Refused("TCC4072", good with { Tensors = [past, keys with { State = null }] });
        Refused("TCC4072", good with { Tensors = [past, keys with { Kind = TensorKind.Scratch }] });
        Refused("TCC4072", good with { Tensors = [tokens, keys] });
        Refused("TCC4072", good with { Tensors = [past, keys with { State = keys.State! with { Window = 0 } }] });
        Refused("TCC4062", good with { Debug = [] });
        Refused("TCC4068", good with { Work = [good.Work[0] with { Bytes = DimExpr.Symbol("nothing") }] });
        Refused("TCC4068", good with { Work = [good.Work[0] with { MultiplyAdds = DimExpr.Symbol("tokens") }] });
        Refused("TCC4064", good with { Work = [good.Work[0] with { Bytes = DimExpr.Symbol("batch size") }] });
        Refused("TCC4062", good with { Tokenizer = good.Tokenizer! with { Tokens = [] } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Scores = [1] } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Scores = [1, 2, 3, float.NaN] } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Types = [TokenType.Normal] } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Types = [.. good.Tokenizer.Types.Select(_ => (TokenType)7)] } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Bos = -1 } });
        Refused("TCC4071", good with { Tokenizer = good.Tokenizer with { Separator = 4 } });
        Refused("TCC4063", good with { Tokenizer = good.Tokenizer with { Merges = [new string('x', (1 << 16) + 1)] } });
        Refused("TCC4057", good with { Weights = new UnevenWeights() });
        Assert.Empty(Directory.GetFiles(_folder.FullName));

        void Refused(string code, ProgramImage image) =>
            Assert.Contains(code, Assert.Throws<DiagnosticException>(() => ProgramFileWriter.Write(image, FilePath)).Diagnostics.Select(d => d.Code));
    }

    /// <summary>The rest compares as a record does.</summary>
    private static TokenizerData WithoutArrays(TokenizerData t) => t with { Tokens = [], Scores = [], Types = [], Merges = [], CharacterMap = [] };

    private static byte[] Bytes(WeightSection weights)
    {
        using var stream = new MemoryStream();
        weights.WriteTo(stream);
        return stream.ToArray();
    }

    private sealed class UnevenWeights : WeightSection
    {
        public override long Length => 100;

        public override void WriteTo(Stream stream) => stream.Write(new byte[100]);
    }
}
