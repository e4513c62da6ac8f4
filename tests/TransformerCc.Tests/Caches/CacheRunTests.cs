using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;

namespace TransformerCc.Tests.Caches;

/// <summary>
/// Attention over caches on the chip: the bits of a position depend neither on how its prompt was split into runs nor on
/// the other sequences of the batch; every run agrees with the reference and is free of races.
/// </summary>
public class CacheRunTests
{
    /// <summary>Name, chip, precision, graph and the length of a sequence.</summary>
    private static readonly (string Name, string Chip, Precision Precision, CacheGraphs Graphs, long Length)[] s_cases =
    [
        ("grouped heads", "tx1", Precision.F32, new CacheGraphs(), 300),
        ("sixteen bits", "tx1", Precision.BF16, new CacheGraphs(Format: "bf16"), 280),
        ("sixteen bits of caches", "tx1", Precision.F32, new CacheGraphs(Cache: CacheFormat.BF16), 140),
        ("eight-bit floats", "tx1", Precision.F32, new CacheGraphs(Cache: CacheFormat.FP8, Width: 20), 140),
        ("codes and scales", "tx1", Precision.F32, new CacheGraphs(Cache: CacheFormat.Int8, Width: 20), 150),
        ("codes in a window", "tiny", Precision.BF16, new CacheGraphs(Cache: CacheFormat.Int8, Window: 50, Slots: 256), 300),
        ("window", "tx1", Precision.F32, new CacheGraphs(Window: 70), 300),
        ("window of one", "tx1", Precision.F32, new CacheGraphs(Window: 1), 140),
        ("circular", "tx1", Precision.F32, new CacheGraphs(Window: 60, Slots: 256), 700),
        ("capped", "tx1", Precision.F32, new CacheGraphs(SoftCap: 2, KeyHeads: 1), 150),
        ("pages", "tx1", Precision.F32, new CacheGraphs(Page: 128), 300),
        ("pages of codes in a window", "tiny", Precision.BF16, new CacheGraphs(Cache: CacheFormat.Int8, Width: 20, Window: 150, Page: 128), 300),
        ("pages on a small chip", "tiny", Precision.F32, new CacheGraphs(Heads: 8, KeyHeads: 2, Width: 32, ValueWidth: 12, Cache: CacheFormat.BF16, Page: 128), 200),
        ("odd widths", "tiny", Precision.F32, new CacheGraphs(Heads: 3, KeyHeads: 3, Width: 20, ValueWidth: 12, Window: 100), 200),
        ("small chip", "tiny", Precision.BF16, new CacheGraphs(Heads: 8, KeyHeads: 2, Width: 32, ValueWidth: 32, Format: "bf16"), 170),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnySplitOfAPromptGivesTheSameBits(string name)
    {
        (_, string chip, Precision precision, CacheGraphs graphs, long length) = s_cases.Single(c => c.Name == name);
        using var program = new CachedProgram(graphs, TestChips.Of(chip), precision);
        var random = new Random(name.Length);
        Dictionary<string, Tensor> sequences = graphs.Sequences(random, 1, length);
        long most = graphs.Circular ? graphs.Slots - graphs.Window + 1 : length;
        byte[] atOnce = program.RunChunks(sequences, length, Chunks(length, () => most));
        Assert.Equal(atOnce, program.RunChunks(sequences, length + 10, Chunks(length, () => random.NextInt64(1, long.Min(most, 150)))));
        // A long prompt at once, then token by token, as generation does.
        long prefix = length - 5;
        Assert.Equal(atOnce, program.RunChunks(sequences, length, [.. Chunks(prefix, () => most), 1, 1, 1, 1, 1]));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void SequencesOfABatchDoNotSeeEachOther(string name)
    {
        (_, string chip, Precision precision, CacheGraphs graphs, _) = s_cases.Single(c => c.Name == name);
        using var program = new CachedProgram(graphs, TestChips.Of(chip), precision);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(5), 3, 160);
        long[] past = [0, 129, 31];
        const long next = 20;
        // Alone: each sequence with its own past.
        Tensor[] alone = [.. past.Select((p, b) =>
        {
            CachedProgram.Caches own = program.Begin(1, 160);
            Dictionary<string, Tensor> mine = sequences.ToDictionary(s => s.Key, s => CacheGraphs.Part(s.Value, b, 1, 0, 160));
            if (p > 0)
            {
                program.Run(own, CacheGraphs.Positions(mine, 0, p), [0]);
            }
            return program.Run(own, CacheGraphs.Positions(mine, p, next), [p]);
        })];
        // Together: all of them hold 129 positions, and two go back to fewer.
        CachedProgram.Caches caches = program.Begin(3, 160);
        program.Run(caches, CacheGraphs.Positions(sequences, 0, 129), [0, 0, 0]);
        var mixed = sequences.ToDictionary(s => s.Key, s => Stack([.. past.Select((p, b) => CacheGraphs.Part(s.Value, b, 1, p, next))]));
        Tensor together = program.Run(caches, mixed, past);
        Assert.Equal(Stack(alone).Data.ToArray(), together.Data.ToArray());
        Assert.Equal([20L, 149, 51], caches.State.Positions);
    }

    [Fact]
    public void ARunThatDoesNotFitIsRefusedAndChangesNothing()
    {
        var graphs = new CacheGraphs();
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 1, 40);
        CachedProgram.Caches caches = program.Begin(1, 32);
        program.Run(caches, CacheGraphs.Positions(sequences, 0, 30), [0]);
        Assert.Equal("TCC5034", Refused(CacheGraphs.Positions(sequences, 30, 3), 30));
        Assert.Equal("TCC5033", Refused(CacheGraphs.Positions(sequences, 31, 1), 31));
        Assert.Equal("TCC5033", Refused(CacheGraphs.Positions(sequences, 0, 1), -1));
        Assert.Equal("TCC5033", Refused(CacheGraphs.Positions(sequences, 0, 1), long.MaxValue));
        Assert.Equal("TCC5028", Refused(graphs.Sequences(new Random(1), 2, 1), 30, 30));
        // To the last slot, with the bits of a larger cache.
        Tensor last = program.Run(caches, CacheGraphs.Positions(sequences, 30, 2), [30]);
        CachedProgram.Caches larger = program.Begin(1, 64);
        Tensor all = program.Run(larger, CacheGraphs.Positions(sequences, 0, 32), [0]);
        Assert.Equal(CacheGraphs.Part(all, 0, 1, 30, 2).Data.ToArray(), last.Data.ToArray());
        Assert.Equal([32L], caches.State.Positions);
        caches.State.Clear();
        Assert.Equal([0L], caches.State.Positions);
        Assert.Equal("TCC5033", Refused(CacheGraphs.Positions(sequences, 0, 1), 1));

        string Refused(Dictionary<string, Tensor> inputs, params long[] past)
        {
            inputs["past"] = CacheGraphs.Past(past);
            return Assert.Throws<DiagnosticException>(() => new Session(program.Program).Run(inputs, new RunOptions { State = caches.State })).Diagnostics[0].Code;
        }
    }

    [Fact]
    public void ACircularCacheSaysWhatItHasLost()
    {
        var graphs = new CacheGraphs(Window: 60, Slots: 128);
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 1, 200);
        CachedProgram.Caches caches = program.Begin(1, 1);
        program.Run(caches, CacheGraphs.Positions(sequences, 0, 69), [0]);
        program.Run(caches, CacheGraphs.Positions(sequences, 69, 69), [69]);
        Assert.Equal("TCC5035", Refused(138, 70));
        // Ten positions went over the beginning: position 69 sees 10 to 69 and can be done again, 40 would see 0.
        Assert.Equal("TCC5035", Refused(40, 1));
        program.Run(caches, CacheGraphs.Positions(sequences, 69, 1), [69]);

        string Refused(long past, long length)
        {
            Dictionary<string, Tensor> inputs = graphs.Sequences(new Random(1), 1, length);
            inputs["past"] = CacheGraphs.Past(past);
            return Assert.Throws<DiagnosticException>(() => new Session(program.Program).Run(inputs, new RunOptions { State = caches.State })).Diagnostics[0].Code;
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(CacheFormat.Int8)]
    public void CachesOfAWindowGiveTheBitsOfWholeOnes(CacheFormat? format)
    {
        var whole = new CacheGraphs(Window: 60, MaxLength: 100, Cache: format);
        CacheGraphs small = whole with { ShrinkToWindow = true };
        using CachedProgram wholeProgram = new(whole, TestChips.Default, Precision.F32), smallProgram = new(small, TestChips.Default, Precision.F32);
        Assert.All(smallProgram.Program.Image.Tensors.Where(t => t.State is not null), t => Assert.Equal((StateMode.Circular, DimExpr.Constant(256)), (t.State!.Mode, t.Shape[2])));
        Dictionary<string, Tensor> sequences = whole.Sequences(new Random(8), 1, 400);
        Assert.Equal(wholeProgram.RunChunks(sequences, 400, Chunks(400, () => 100)), smallProgram.RunChunks(sequences, 400, Chunks(400, () => 100)));
        // The context is still what was asked for, though the cache would turn on.
        CachedProgram.Caches caches = smallProgram.Begin(1, 120);
        smallProgram.Run(caches, CacheGraphs.Positions(sequences, 0, 100), [0]);
        Dictionary<string, Tensor> more = CacheGraphs.Positions(sequences, 100, 21);
        more["past"] = CacheGraphs.Past(100);
        Assert.Equal("TCC5034", Assert.Throws<DiagnosticException>(() => new Session(smallProgram.Program).Run(more, new RunOptions { State = caches.State })).Diagnostics[0].Code);
    }

    [Fact]
    public void CachesThatWouldNotShrinkStayAsTheyAre()
    {
        Assert.Equal(new CacheGraphs(Window: 60).Text(), GraphPrinter.Print(new CacheGraphs(Window: 60, ShrinkToWindow: true).Parse()));
        Assert.Equal(new CacheGraphs(MaxLength: 100).Text(), GraphPrinter.Print(new CacheGraphs(MaxLength: 100, ShrinkToWindow: true).Parse()));
    }

    [Fact]
    public void WithoutAStateARunBeginsEmpty()
    {
        var graphs = new CacheGraphs();
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 2, 9);
        var session = new Session(program.Program);
        byte[] left = session.Run(sequences).Outputs["y"].Data.ToArray();
        Assert.Equal(program.RunChunks(sequences, 9, [9]), left);
        Assert.Equal(left, session.Run(sequences, new RunOptions { Set = new Dictionary<string, long> { ["past"] = 0 } }).Outputs["y"].Data.ToArray());
        Assert.Equal("TCC5033", Code(new RunOptions { Set = new Dictionary<string, long> { ["past"] = 3 } }));
        Assert.Equal("TCC5021", Code(new RunOptions { Set = new Dictionary<string, long> { ["q"] = 3 } }));
        using var other = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Assert.Equal("TCC5037", Code(new RunOptions { State = SessionState.Create(other.Program, 2, 9) }));
        Assert.Equal("TCC5036", Code(new RunOptions { State = SessionState.Create(program.Program, 2, 9), Set = new Dictionary<string, long> { ["context"] = 10 } }));
        Assert.Equal("TCC5027", Assert.Throws<DiagnosticException>(() => SessionState.Create(program.Program, 2, 1000)).Diagnostics[0].Code);
        Assert.Equal("TCC5026", Assert.Throws<DiagnosticException>(() => SessionState.Create(program.Program, new Dictionary<string, long>())).Diagnostics[0].Code);

        string Code(RunOptions options) => Assert.Throws<DiagnosticException>(() => session.Run(sequences, options)).Diagnostics[0].Code;
    }

    private static List<long> Chunks(long length, Func<long> next)
    {
        var chunks = new List<long>();
        for (long left = length; left > 0; left -= chunks[^1])
        {
            chunks.Add(long.Min(left, next()));
        }
        return chunks;
    }

    /// <summary>Tensors of one sequence each as a batch.</summary>
    private static Tensor Stack(Tensor[] tensors) =>
        new(tensors[0].Type, [tensors.Length, .. tensors[0].Shape[1..]], tensors.SelectMany(t => t.Data.ToArray()).ToArray());
}
