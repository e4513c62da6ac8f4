using System.Collections.Immutable;
using System.Text;
using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa;

public sealed class AssemblyLanguageTests
{
    private const string Sample = """
        # Doubles the rows of x, in chunks of 16.
        .chip "tx1"
        .option "--chip tx1"
        .parameters 4
        .dimension "seq" 1 512 3
        .tensor "x" input f32 ["seq", 64] 1
        .tensor "y" output bf16 ["2*seq", 64] 2
        .weights hex "0123"
        .weights zero 62
        .debug "" "" ""
        .debug "elementwise" "/double/Mul \"x\"" "/Mul,/Mul_1"

        .entry "main"
          ldp dst=s1 index=1
          ldp dst=s3 index=3
          alu op=CeilDiv dst=s5 a=s3 b=16
          loop count=s5 counter=s6 body=done          # a label instead of a count
          alu op=Mul dst=s7 a=s6 b=4096
          branch condition=IfZero value=s5 skip=1
          vbinary op=Add dst=asp[0x1000]:f32:row=256 a=asp[s7]:f32:row=256 b=asp[s7+64]:f32:row=0:col=0 rows=16 columns=64 acquire=3,5 release=7 tag=1
        done:
          halt
        """;

    [Property(MaxTest = 100)]
    public void Parse_inverts_print_for_every_kind(int seed)
    {
        Instruction[] instructions = [.. RandomOperands.OneOfEachKind(seed)];
        string text = Disassembler.Print(new EntryPoint("main", [.. instructions]));
        ImmutableArray<Instruction> again = Assembler.AssembleInstructions(text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..], "test");
        Assert.Equal(instructions, again);
        Assert.Equal(InstructionEncoder.EncodeAll(instructions), InstructionEncoder.EncodeAll(again)); // stricter: bits of NaN
    }

    [Fact]
    public void An_image_prints() => Snapshot.Match(Disassembler.Print(Assembler.Assemble(Sample, "sample.tasm"), withSource: true));

    [Fact]
    public void Printing_and_reading_an_image_gives_the_same_image()
    {
        ProgramImage image = Assembler.Assemble(Sample, "sample.tasm");
        string text = Disassembler.Print(image, withSource: true);
        ProgramImage again = Assembler.Assemble(text, "again.tasm");
        Assert.Equal(text, Disassembler.Print(again, withSource: true));

        Assert.Equal((image.ChipName, image.ChipFingerprint, image.ParameterCount), (again.ChipName, again.ChipFingerprint, again.ParameterCount));
        Assert.Equal(ChipDescriptions.Fingerprint(ChipDescriptions.Load("tx1")), image.ChipFingerprint);
        Assert.Equal(image.Dimensions.ToArray(), again.Dimensions.ToArray());
        Assert.Equal(image.Options.ToArray(), again.Options.ToArray());
        Assert.Equal(image.Debug.ToArray(), again.Debug.ToArray());
        Assert.Equal("/double/Mul \"x\"", again.Debug[1].Node);
        Assert.Equal(image.Tensors.Select(t => (t.Name, t.Kind, t.Type, t.ParameterIndex)), again.Tensors.Select(t => (t.Name, t.Kind, t.Type, t.ParameterIndex)));
        Assert.Equal([2 * DimExpr.Symbol("seq"), 64], again.Tensors[1].Shape.ToArray());
        EntryPoint entry = Assert.Single(again.EntryPoints);
        Assert.Equal(image.EntryPoints[0].Instructions.ToArray(), entry.Instructions.ToArray());
        Assert.Equal(3, Assert.IsType<Loop>(entry.Instructions[3]).Body);
        Assert.Equal(Bytes(image.Weights), Bytes(again.Weights));
        Assert.Equal([0x01, 0x23, 0x00], Bytes(image.Weights)[..3]);
    }

    [Property(MaxTest = 200)]
    public void Names_survive_quoting(string? name)
    {
        EntryPoint entry = Assembler.Assemble(Disassembler.Print(Minimal(name ?? "", [])), "test").EntryPoints[0];
        Assert.Equal(name ?? "", entry.Name);
    }

    [Fact]
    public void Large_weights_are_named_by_their_digest_and_must_be_given()
    {
        byte[] bytes = new byte[8192];
        bytes[8191] = 1;
        string text = Disassembler.Print(Minimal("main", bytes));
        Assert.Contains(".weights external 8192 \"", text, StringComparison.Ordinal);
        Assert.Equal("TCC4114", Refuse(text).Code);
        var weights = new Given(bytes);
        Assert.Same(weights, Assembler.Assemble(text, "test", weights).Weights);
        bytes[0] = 1;
        Assert.StartsWith("other weights were given: 8192 bytes of SHA-256 ", Assert.Single(Assert.Throws<DiagnosticException>(() => Assembler.Assemble(text, "test", weights)).Diagnostics).Message, StringComparison.Ordinal);
        Assert.Contains(".weights zero 8192\n", Disassembler.Print(Minimal("main", new byte[8192])), StringComparison.Ordinal);
    }

    [Property(MaxTest = 300)]
    public void A_damaged_text_is_read_or_refused_with_diagnostics(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder(Sample);
        for (int n = random.Next(1, 6); n > 0; n--)
        {
            int at = random.Next(text.Length);
            string noise = "\"\\#:=,.[]+-0xs\n \0é~"[random.Next(19)].ToString();
            _ = random.Next(3) switch
            {
                0 => text.Insert(at, noise),
                1 => text.Remove(at, int.Min(random.Next(1, 20), text.Length - at)),
                _ => text.Replace(text[at].ToString(), noise, at, 1),
            };
        }
        try
        {
            Disassembler.Print(Assembler.Assemble(text.ToString(), "test"));
        }
        catch (DiagnosticException e)
        {
            Assert.NotEmpty(e.Diagnostics);
        }
    }

    [Fact]
    public void Lengths_of_weights_that_together_pass_64_bits_are_refused() =>
        Assert.Throws<DiagnosticException>(() => Assembler.Assemble(".weights zero 9223372036854775807\n.weights zero 9223372036854775807\n", "test"));

    public static TheoryData<string, string, string> Mistakes => new()
    {
        { "halt", "hlt", "test:22:3 TCC4111 there is no instruction 'hlt'" },
        { "halt", "halt now=1", "test:22:8 TCC4111 halt has no operand 'now'" },
        { "index=3", "", "test:15:3 TCC4111 ldp: operand 'index' is missing: a register or a number from 0 to 2147483647 is expected" },
        { "index=3", "index=3 index=4", "test:15:22 TCC4111 operand 'index' is given twice" },
        { "a=s3", "a=s64", "test:16:27 TCC4111 alu: operand 'a': a register s0 to s63 is expected, not 's64'" },
        { "op=CeilDiv", "op=2", "test:16:10 TCC4111 alu: operand 'op': one of Add, Sub, Mul, Div, CeilDiv, Mod, Min, Max, Shl, Shr, And, Or, Eq, Ne, Lt, Le is expected, not '2'" },
        { "body=done", "body=start", "test:17:33 TCC4111 loop: operand 'body': a count of instructions, or a label further down in this entry point, is expected, not 'start'" },
        { "acquire=3,5", "acquire=0", "test:20:124 TCC4111 vbinary: operand 'acquire': one to four semaphores from 1 to 255, such as 3,5 is expected, not '0'" },
        { "asp[s7]:f32:row=256", "wsp[s7]:f32:row=256", "test:20:48 TCC4111 vbinary: operand 'a': an operand of the vector engine such as asp[0x40]:f32:row=256 or acc[s3]:f32:row=0:col=0 is expected, not 'wsp[s7]:f32:row=256'" },
        { "col=0", "col=1", "test:20:70 TCC4111 vbinary: operand 'b': an operand of the vector engine such as asp[0x40]:f32:row=256 or acc[s3]:f32:row=0:col=0 is expected, not 'asp[s7+64]:f32:row=0:col=1'" },
        { "tag=1", "tag=2", "test TCC4112 tag 2 has no .debug line: there are 2" },
        { ".weights zero 62", ".weights zero 61", "test:8:1 TCC4112 the weights take 63 bytes: a multiple of 64 up to 1073741824 is expected" },
        { ".weights zero 62", ".weights file", "test:9:14 TCC4110 mismatched input '\\n' expecting {NUMBER, STRING}" },
        { "\"2*seq\"", "\"2*len\"", "test:7:9 TCC4112 there is no dimension 'len'" },
        { "\"2*seq\"", "\"2*\"", "test:7:26 TCC4112 '2*' is no dimension expression: at character 3: a number, a name or '(' is expected" },
        { ".parameters 4", ".parameters 3", "test:5:12 TCC4112 parameter 3 does not exist: .parameters says 3" },
        { "1 512 3", "5 4 3", "test:5:12 TCC4112 a dimension cannot lie between 5 and 4" },
        { ".chip \"tx1\"", "", "test TCC4112 there is no .chip directive" },
        { ".chip \"tx1\"", ".chip \"tx7\"", "test:2:7 TCC4112 'tx7' is no preset, so its fingerprint must follow" },
        { ".entry \"main\"", "", "test:14:3 TCC4112 an instruction stands before the first .entry" },
        { "ldp dst=s1 index=1", "ldp dst=", "test:14:11 TCC4110 extraneous input '\\n' expecting {NAME, NUMBER}" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Mistakes_are_reported_with_line_and_column(string right, string wrong, string expected)
    {
        Diagnostic d = Refuse(Sample.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal(expected, $"{d.Location} {d.Code} {d.Message}");
    }

    [Fact]
    public void The_program_of_the_readme_assembles()
    {
        string readme = File.ReadAllText(Path.Combine(TestData.Repository, "isa", "TransformerCc.Isa", "README.md"));
        int start = readme.IndexOf(".chip", StringComparison.Ordinal);
        string program = readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
        Assert.Equal(8, Assert.Single(Assembler.Assemble(program, "README.md").EntryPoints).Instructions.Length);
    }

    [Fact]
    public void Too_long_a_text_is_refused() => Assert.Equal("TCC4113", Refuse(new string('\n', Assembler.MaxLength + 1)).Code);

    /// <summary>The first diagnostic.</summary>
    private static Diagnostic Refuse(string text) => Assert.Throws<DiagnosticException>(() => Assembler.Assemble(text, "test")).Diagnostics[0];

    private static ProgramImage Minimal(string entry, byte[] weights) => new()
    {
        ChipName = "c",
        ChipFingerprint = "f",
        EntryPoints = [new(entry, [new Halt()])],
        ParameterCount = 1,
        Dimensions = [],
        Tensors = [],
        Weights = new Given(weights),
        Debug = [new("", "", "")],
        Options = [],
    };

    private static byte[] Bytes(WeightSection weights)
    {
        using var stream = new MemoryStream();
        weights.WriteTo(stream);
        return stream.ToArray();
    }

    private sealed class Given(byte[] bytes) : WeightSection
    {
        public override long Length => bytes.Length;

        public override void WriteTo(Stream stream) => stream.Write(bytes);
    }
}
