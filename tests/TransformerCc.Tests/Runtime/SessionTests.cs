using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Binding of inputs, dimensions and DRAM, and whole runs.</summary>
public sealed class SessionTests
{
    private static readonly DimExpr s_batch = DimExpr.Symbol("batch"), s_length = DimExpr.Symbol("length");

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(5, 7)]
    [InlineData(0, 4)]
    public void One_program_runs_every_size(int batch, int length)
    {
        float[] x = [.. Enumerable.Range(0, batch * length).Select(i => i * 0.5f)];
        RunResult result = Doubling().Run(Inputs(batch, length, x), new RunOptions { Check = true });

        Tensor y = result.Outputs["y"];
        Assert.Equal([batch, length], y.Shape.ToArray());
        Assert.Equal(x.Select(v => v + v), y.AsSpan<float>().ToArray());
        Assert.Empty(result.Findings);
        Assert.Equal(batch * length * 4, result.Statistics.Bytes[MemorySpace.Dram].Read);
    }

    [Fact]
    public void Same_inputs_give_the_same_bytes_again()
    {
        TestProgram program = Doubling();
        Tensor first = program.Run(Inputs(1, 2, 1, 2)).Outputs["y"], second = program.Run(Inputs(1, 2, 1, 2)).Outputs["y"];
        Assert.Equal(first.Data.ToArray(), second.Data.ToArray());
    }

    [Fact]
    public void A_file_runs_like_the_image_it_was_written_from()
    {
        var program = new TestProgram { Weights = [.. Enumerable.Range(0, 64).Select(i => (byte)i)] };
        int y = program.Tensor("y", TensorKind.Output, ElementType.U8, 64);
        Reg weights = new(1), output = new(2);
        program.Add(
            new LoadParameter(weights, 0), new LoadParameter(output, y),
            new Load(new(MemorySpace.Asp, 0), ElementType.U8, new(weights), ElementType.U8, TestProgram.Line(64), TestProgram.Bytes(1), 0, 0, 1) { Releases = SemaphoreList.Of(1) },
            new Store(new(output), ElementType.U8, new(MemorySpace.Asp, 0), ElementType.U8, TestProgram.Line(64), TestProgram.Bytes(1), 0, 0, 1) { Acquires = SemaphoreList.Of(1) });
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "program.bin");
        ProgramFile.Write(path, program.Image());
        using LoadedProgram loaded = LoadedProgram.Open(path);
        Assert.Equal("tx1-edge", loaded.Chip.Name);
        Assert.Equal(program.Weights, new Session(loaded).Run(new Dictionary<string, Tensor>()).Outputs["y"].Data.ToArray());
    }

    [Fact]
    public void Scratchpads_are_zeros_again_for_the_next_run_of_a_session()
    {
        var program = new TestProgram { Weights = [.. Enumerable.Range(1, 64).Select(i => (byte)i)] };
        int y = program.Tensor("y", TensorKind.Output, ElementType.U8, 64);
        Reg weights = new(1), output = new(2);
        program.Add(
            new LoadParameter(weights, 0), new LoadParameter(output, y),
            new Store(new(output), ElementType.U8, new(MemorySpace.Asp, 0), ElementType.U8, TestProgram.Line(64), TestProgram.Bytes(1), 0, 0, 1) { Releases = SemaphoreList.Of(1) },
            new Load(new(MemorySpace.Asp, 0), ElementType.U8, new(weights), ElementType.U8, TestProgram.Line(64), TestProgram.Bytes(1), 0, 0, 1) { Acquires = SemaphoreList.Of(1) });
        using LoadedProgram loaded = LoadedProgram.Load(program.Image(), TestProgram.Chip);
        var session = new Session(loaded);
        for (int run = 0; run < 3; run++)
        {
            Assert.Equal(new byte[64], session.Run(new Dictionary<string, Tensor>()).Outputs["y"].Data.ToArray());
        }
    }

    [Fact]
    public void A_disposed_program_does_not_run()
    {
        LoadedProgram program = LoadedProgram.Load(Doubling().Image(), TestProgram.Chip);
        program.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new Session(program).Run(Inputs(1, 1, 1)));
    }

    [Fact]
    public void Linear_expressions_are_solved_and_others_checked()
    {
        var program = new TestProgram();
        program.Dimension("n", 0, 100);
        program.Tensor("a", TensorKind.Input, ElementType.U8, (s_symbolN * 2) + 1);
        program.Tensor("b", TensorKind.Input, ElementType.U8, DimExpr.FloorDiv(s_symbolN, 2));
        Assert.Empty(program.Run(Bytes(("a", 13), ("b", 3))).Outputs);
        Assert.Equal("TCC5028", Refused(program, Bytes(("a", 13), ("b", 2))));
        Assert.Equal("TCC5026", Refused(program, Bytes(("a", 12), ("b", 3))));
    }

    [Fact]
    public void Every_mismatch_has_its_diagnostic()
    {
        TestProgram program = Doubling();
        Tensor x = TestProgram.Floats([1, 2], 1, 2);
        Assert.Equal("TCC5023", Refused(program, new Dictionary<string, Tensor>()));
        Assert.Equal("TCC5022", Refused(program, new Dictionary<string, Tensor> { ["x"] = x, ["z"] = x }));
        Assert.Equal("TCC5024", Refused(program, new Dictionary<string, Tensor> { ["x"] = new(ElementType.I32, [1, 2], new byte[8]) }));
        Assert.Equal("TCC5025", Refused(program, new Dictionary<string, Tensor> { ["x"] = TestProgram.Floats([2], 1, 2) }));
        Assert.Equal("TCC5027", Refused(program, Inputs(9, 1, new float[9])));
        Assert.Equal("TCC5021", Refused(program, Inputs(1, 2, 1, 2), new RunOptions { Set = new Dictionary<string, long> { ["past"] = 3 } }));
        Assert.Equal("TCC5028", Refused(program, Inputs(1, 2, 1, 2), new RunOptions { Set = new Dictionary<string, long> { ["length"] = 3 } }));
        Assert.Equal("TCC5020", Refused(program, Inputs(1, 2, 1, 2), new RunOptions { EntryPoint = "decode" }));
    }

    [Fact]
    public void Too_much_DRAM_does_not_fit()
    {
        var program = new TestProgram();
        program.Dimension("n", 0, long.MaxValue);
        program.Tensor("s", TensorKind.Scratch, ElementType.U8, s_symbolN, s_symbolN);
        var options = new RunOptions { Set = new Dictionary<string, long> { ["n"] = 1L << 40 } };
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => program.Run(null, options));
        Assert.Equal(FailureKind.DoesNotFit, e.Kind);
    }

    [Fact]
    public void A_program_stops_when_it_is_cancelled()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        TestProgram endless = new TestProgram().Add(new LoadImmediate(new Reg(1), long.MaxValue), new Loop(new Reg(1), new Reg(2), 1), new LoadImmediate(new Reg(3), 0));
        Assert.Throws<OperationCanceledException>(() => endless.Run(null, new RunOptions { Cancellation = source.Token }));
    }

    private static readonly DimExpr s_symbolN = DimExpr.Symbol("n");

    /// <summary>y = x + x for x of [batch, length].</summary>
    private static TestProgram Doubling()
    {
        Reg x = new(1), y = new(2), batch = new(3), length = new(4), count = new(5);
        var program = new TestProgram();
        int batchIndex = program.Dimension("batch", 0, 8), lengthIndex = program.Dimension("length", 1, 64);
        int xIndex = program.Tensor("x", TensorKind.Input, ElementType.F32, s_batch, s_length), yIndex = program.Tensor("y", TensorKind.Output, ElementType.F32, s_batch, s_length);
        var tile = new VectorOperand(new(MemorySpace.Asp, 0), 0, ElementType.F32);
        return program.Add(
            new LoadParameter(batch, batchIndex), new LoadParameter(length, lengthIndex), new LoadParameter(x, xIndex), new LoadParameter(y, yIndex),
            new Scalar(ScalarOp.Mul, count, batch, length),
            new Load(new(MemorySpace.Asp, 0), ElementType.F32, new(x), ElementType.F32, TestProgram.Line(count), TestProgram.Bytes(4), 0, 0, 4) { Releases = SemaphoreList.Of(1) },
            new VectorBinary(BinaryOp.Add, tile, tile, tile, 1, count) { Acquires = SemaphoreList.Of(1), Releases = SemaphoreList.Of(2) },
            new Store(new(y), ElementType.F32, new(MemorySpace.Asp, 0), ElementType.F32, TestProgram.Line(count), TestProgram.Bytes(4), 0, 0, 4) { Acquires = SemaphoreList.Of(2) });
    }

    private static Dictionary<string, Tensor> Inputs(int batch, int length, params float[] x) => new() { ["x"] = TestProgram.Floats([batch, length], x) };

    private static Dictionary<string, Tensor> Bytes(params (string Name, int Length)[] tensors) =>
        tensors.ToDictionary(t => t.Name, t => new Tensor(ElementType.U8, [t.Length], new byte[t.Length]));

    private static string Refused(TestProgram program, IReadOnlyDictionary<string, Tensor> inputs, RunOptions? options = null) =>
        Assert.Throws<DiagnosticException>(() => program.Run(inputs, options)).Diagnostics[0].Code;
}
