using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Checking mode finds what program order hides, and nothing else.</summary>
public sealed class CheckingTests
{
    private static readonly Reg s_input = new(1), s_output = new(2), s_i = new(3);

    [Fact]
    public void Double_buffered_loop_is_clean() => Assert.Empty(Check(Pipeline(ready: true, free: true, done: true)));

    [Theory]
    [InlineData(false, true, true, "reads it")]
    [InlineData(true, false, true, "writes it")]
    [InlineData(true, true, false, "reads it")]
    public void A_missing_semaphore_is_a_race(bool ready, bool free, bool done, string text)
    {
        IReadOnlyList<Finding> findings = Check(Pipeline(ready, free, done));
        Assert.Contains(findings, f => f.Message.Contains(text, StringComparison.Ordinal));
        Assert.All(findings, f => Assert.Equal(FindingKind.Race, f.Kind));
        Assert.All(findings, f => Assert.Matches(@"race on asp bytes 0x\w+ to 0x\w+: main\[\d+\] on \w+ `.+` \w+ it, main\[", f.Message));
    }

    [Fact]
    public void Reading_what_nothing_wrote_is_found_to_the_byte()
    {
        var row = new VectorOperand(new(MemorySpace.Asp, 0), 64, ElementType.U8);
        IReadOnlyList<Finding> findings = Check(new TestProgram().Add(
            new VectorIota(row, 1, 13, default, default, default),
            new VectorUnary(UnaryOp.Copy, row with { Address = new(MemorySpace.Asp, 128) }, row, 1, 15)));
        Finding f = Assert.Single(findings);
        Assert.Equal(FindingKind.UninitialisedRead, f.Kind);
        Assert.Contains("asp bytes 0xd to 0xe", f.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Incomplete_output_is_found()
    {
        var program = new TestProgram();
        int y = program.Tensor("y", TensorKind.Output, ElementType.F32, 20);
        program.Add(new LoadParameter(s_output, y), Zeros(64), new Wait(Engine.DmaOut) { Acquires = SemaphoreList.Of(1) }, StoreRow(19));
        Finding f = Assert.Single(Check(program));
        Assert.Equal(FindingKind.UnwrittenOutput, f.Kind);
        Assert.Contains("4 of 80 bytes", f.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    public void Sequencer_reads_after_a_wait(bool waits, int findings)
    {
        var program = new TestProgram().Add(Zeros(64));
        program.Add(waits ? [new Wait(Engine.Sequencer) { Acquires = SemaphoreList.Of(1) }] : []);
        Assert.Equal(findings, Check(program.Add(new LoadScalar(s_i, new(MemorySpace.Asp, 0), ElementType.I32))).Count);
    }

    [Fact]
    public void Fence_orders_everything_before_it()
    {
        var row = new VectorOperand(new(MemorySpace.Asp, 0), 64, ElementType.F32);
        Assert.Empty(Check(new TestProgram().Add(Zeros(64), new Fence(), new VectorUnary(UnaryOp.Exp, row, row, 1, 16))));
    }

    [Fact]
    public void Spill_through_DRAM_needs_a_channel()
    {
        Assert.Empty(Check(Spill(ordered: true)));
        Finding race = Assert.Single(Check(Spill(ordered: false)));
        Assert.Contains("dram 's'", race.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Neighbouring_words_of_a_line_do_not_conflict()
    {
        var left = new VectorOperand(new(MemorySpace.Asp, 0), 64, ElementType.F32);
        Assert.Empty(Check(new TestProgram().Add(new VectorIota(left, 1, 4, default, default, default), new Fill(new(MemorySpace.Asp, 16), ElementType.F32, 0, 1, 4, default))));
        Assert.Single(Check(new TestProgram().Add(new VectorIota(left, 1, 5, default, default, default), new Fill(new(MemorySpace.Asp, 16), ElementType.F32, 0, 1, 4, default))));
    }

    /// <summary>Four rows through two buffers: load, exp in place, store; each hand-over is one semaphore.</summary>
    private static TestProgram Pipeline(bool ready, bool free, bool done)
    {
        var program = new TestProgram();
        int x = program.Tensor("x", TensorKind.Input, ElementType.F32, 4, 16), y = program.Tensor("y", TensorKind.Output, ElementType.F32, 4, 16);
        Reg buffer = new(4), from = new(5), to = new(6), offset = new(7);
        var tile = new VectorOperand(new(MemorySpace.Asp, 0, buffer), 64, ElementType.F32);
        return program.Add(
            new LoadParameter(s_input, x), new LoadParameter(s_output, y), new Post(Engine.DmaOut) { Releases = free ? SemaphoreList.Of(1, 1) : default },
            new Loop(4, s_i, 8),
            new Scalar(ScalarOp.Mod, buffer, s_i, 2), new Scalar(ScalarOp.Mul, buffer, buffer, 64),
            new Scalar(ScalarOp.Mul, offset, s_i, 64), new Scalar(ScalarOp.Add, from, s_input, offset), new Scalar(ScalarOp.Add, to, s_output, offset),
            new Load(new(MemorySpace.Asp, 0, buffer), ElementType.F32, new(from), ElementType.F32, TestProgram.Line(16), TestProgram.Bytes(4), 0, 0, 4) { Acquires = free ? SemaphoreList.Of(1) : default, Releases = ready ? SemaphoreList.Of(2) : default },
            new VectorUnary(UnaryOp.Exp, tile, tile, 1, 16) { Acquires = ready ? SemaphoreList.Of(2) : default, Releases = done ? SemaphoreList.Of(3) : default },
            new Store(new(to), ElementType.F32, new(MemorySpace.Asp, 0, buffer), ElementType.F32, TestProgram.Line(16), TestProgram.Bytes(4), 0, 0, 4) { Acquires = done ? SemaphoreList.Of(3) : default, Releases = free ? SemaphoreList.Of(1) : default });
    }

    private static TestProgram Spill(bool ordered)
    {
        var program = new TestProgram();
        int s = program.Tensor("s", TensorKind.Scratch, ElementType.F32, 16);
        return program.Add(
            new LoadParameter(s_output, s), Zeros(64), new Wait(Engine.DmaOut) { Acquires = SemaphoreList.Of(1) }, StoreRow(16) with { Releases = ordered ? SemaphoreList.Of(2) : default },
            new Load(new(MemorySpace.Asp, 256), ElementType.F32, new(s_output), ElementType.F32, TestProgram.Line(16), TestProgram.Bytes(4), 0, 0, 4) { Acquires = ordered ? SemaphoreList.Of(2) : default });
    }

    private static Fill Zeros(int columns) => new(new(MemorySpace.Asp, 0), ElementType.F32, 0, 1, columns, default) { Releases = SemaphoreList.Of(1) };

    private static Store StoreRow(int columns) => new(new(s_output), ElementType.F32, new(MemorySpace.Asp, 0), ElementType.F32, TestProgram.Line(columns), TestProgram.Bytes(4), 0, 0, 4);

    private static IReadOnlyList<Finding> Check(TestProgram program)
    {
        Dictionary<string, Tensor> inputs = program.Image().Tensors.Where(t => t.Kind == TensorKind.Input)
            .ToDictionary(t => t.Name, t => new Tensor(t.Type, [.. t.Shape.Select(d => d.ConstantValue!.Value)], new byte[t.Shape.Aggregate(4L, (n, d) => n * d.ConstantValue!.Value)]));
        return program.Run(inputs, new RunOptions { Check = true }).Findings;
    }
}
