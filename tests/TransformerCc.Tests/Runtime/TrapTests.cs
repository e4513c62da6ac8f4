using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Tests.Isa;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Each fault stops the program with its own trap, before any memory outside is touched.</summary>
public sealed class TrapTests
{
    private static readonly VectorOperand s_row = new(new(MemorySpace.Asp, 0), 256, ElementType.F32);
    private static readonly Reg s_one = new(1), s_weights = new(2);

    public static TheoryData<string, TrapKind, Instruction[]> Faults => new()
    {
        { "row past the end of ASP", TrapKind.OutOfSpace, [new VectorUnary(UnaryOp.Copy, s_row, At(MemorySpace.Asp, 0xffff_ffc0), 1, 16)] },
        { "last row past the end", TrapKind.OutOfSpace, [new VectorUnary(UnaryOp.Copy, s_row, s_row, 1 << 20, 16)] },
        { "negative address", TrapKind.OutOfSpace, [new LoadImmediate(s_one, -64), new VectorUnary(UnaryOp.Copy, s_row, At(MemorySpace.Asp, 0) with { Address = new(MemorySpace.Asp, 0, s_one) }, 1, 16)] },
        { "DRAM outside every segment", TrapKind.OutOfSpace, [new LoadImmediate(s_one, 1L << 40), new LoadWeights(new(MemorySpace.Wsp, 0), new(s_one), 64)] },
        { "DRAM past the end of the weights", TrapKind.OutOfSpace, [new LoadParameter(s_weights, 0), new LoadWeights(new(MemorySpace.Wsp, 0), new(s_weights, 64), 128)] },
        { "store to weights", TrapKind.ReadOnly, [new LoadParameter(s_weights, 0), new Store(new(s_weights), ElementType.F32, new(MemorySpace.Asp, 0), ElementType.F32, TestProgram.Line(4), TestProgram.Bytes(4), 0, 0, 4)] },
        { "row not on a line", TrapKind.Misalignment, [new VectorUnary(UnaryOp.Copy, s_row, At(MemorySpace.Asp, 4), 1, 16)] },
        { "ACC row not on a row of lanes", TrapKind.Misalignment, [new VectorUnary(UnaryOp.Copy, s_row, At(MemorySpace.Acc, 64), 1, 16)] },
        { "row stride not a line", TrapKind.Misalignment, [new VectorUnary(UnaryOp.Copy, s_row with { RowStride = 100 }, s_row, 2, 16)] },
        { "element not aligned", TrapKind.Misalignment, [new LoadScalar(s_one, new(MemorySpace.Asp, 3), ElementType.I32)] },
        { "negative count", TrapKind.BadDimension, [new LoadImmediate(s_one, -1), new VectorUnary(UnaryOp.Copy, s_row, s_row, 1, s_one)] },
        { "count whose bytes overflow", TrapKind.BadDimension, [new LoadImmediate(s_one, 1L << 62), new VectorUnary(UnaryOp.Copy, s_row, s_row, 1, s_one)] },
        { "block without end", TrapKind.BadDimension, [new LoadParameter(s_weights, 0), new Load(new(MemorySpace.Asp, 0), ElementType.F32, new(s_weights), ElementType.F32, new(int.MaxValue, int.MaxValue, 1), new(0, 0, 4), 0, 0, 4)] },
        { "broadcast without end", TrapKind.BadDimension, [new VectorIota(s_row with { RowStride = 0, ColumnStride = 0 }, int.MaxValue, int.MaxValue, default, default, default)] },
        { "negative loop count", TrapKind.BadDimension, [new LoadImmediate(s_one, -1), new Loop(s_one, default, 0)] },
        { "no query rows", TrapKind.BadDimension, [new OnlineSoftmax(s_row, s_row, new(MemorySpace.Asp, 0), 64, AccumulateMode.Init, 1, 4, 1, 0, default, default, 0)] },
        { "odd rotation", TrapKind.BadDimension, [new VectorRope(RopeKind.Half, s_row, s_row, new(MemorySpace.Asp, 0), new(MemorySpace.Asp, 0), 0, ElementType.F32, 1, 1, 8, 3)] },
        { "gather index", TrapKind.GatherIndex, [new LoadParameter(s_weights, 0), new LoadImmediate(s_one, 7), new Fill(new(MemorySpace.Asp, 0), ElementType.I64, 8, 1, 1, s_one), new Gather(new(MemorySpace.Asp, 64), ElementType.F32, 64, new(s_weights), ElementType.F32, 16, 7, new(MemorySpace.Asp, 0), ElementType.I64, 1, 4)] },
        { "acquire without release", TrapKind.Semaphore, [new Wait(Engine.Vector) { Acquires = SemaphoreList.Of(5) }] },
        { "two releasers", TrapKind.Semaphore, [new Post(Engine.Vector) { Releases = SemaphoreList.Of(5) }, new Post(Engine.Matrix) { Releases = SemaphoreList.Of(5) }] },
        { "two acquirers", TrapKind.Semaphore, [new Post(Engine.Vector) { Releases = SemaphoreList.Of(5, 5) }, new Wait(Engine.Matrix) { Acquires = SemaphoreList.Of(5) }, new Wait(Engine.Copy) { Acquires = SemaphoreList.Of(5) }] },
        { "count above 65535", TrapKind.Semaphore, [new Loop(65536, default, 1), new Post(Engine.Vector) { Releases = SemaphoreList.Of(5) }] },
        { "parameter index", TrapKind.ParameterIndex, [new LoadParameter(s_one, 9)] },
        { "scalar division by zero", TrapKind.DivisionByZero, [new Scalar(ScalarOp.Div, s_one, s_one, default(Reg))] },
        { "vector division by zero", TrapKind.DivisionByZero, [new VectorBinary(BinaryOp.Div, s_row, s_row with { Format = ElementType.I64 }, s_row with { Format = ElementType.I64 }, 1, 2)] },
        { "program trap", TrapKind.Program, [new TrapAlways(3)] },
        { "products of integers wider than bytes", TrapKind.IllegalInstruction, [MatMul(ElementType.I32, 1)] },
        { "too many arrays", TrapKind.IllegalInstruction, [MatMul(ElementType.F32, 200)] },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Fault_traps(string what, TrapKind kind, Instruction[] program)
    {
        TrapException e = Assert.Throws<TrapException>(() => Faulty(program).Run());
        Assert.True(e.Trap.Kind == kind, $"{what}: {e.Message}");
        Assert.Equal(FailureKind.Failed, e.Kind);
    }

    [Fact]
    public void Trap_names_the_instruction_and_the_node()
    {
        TestProgram program = Faulty([new LoadImmediate(s_one, 5), new VectorUnary(UnaryOp.Exp, s_row, At(MemorySpace.Asp, 4), 1, 16) { Tag = 1 }]);
        program.Debug = [new("", "", ""), new("attention/softmax", "block0.attn", "/layers.0/Softmax")];
        Trap trap = Assert.Throws<TrapException>(() => program.Run()).Trap;
        Assert.Equal((1, "block0.attn"), (trap.Index, trap.Debug?.Node));
        Assert.StartsWith("vunary", trap.Instruction, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_accessed_where_nothing_is_counted()
    {
        VectorOperand nowhere = At(MemorySpace.Asp, 0xffff_ffff);
        Faulty([
            new VectorUnary(UnaryOp.Exp, nowhere, nowhere, 0, 16), new VectorSoftmax(nowhere, nowhere, 3, 0), new VectorNorm(NormKind.Rms, nowhere, nowhere, nowhere.Address, ElementType.F32, false, default, ElementType.F32, 0, 0, 5),
            new Load(nowhere.Address, ElementType.F32, new(default), ElementType.F32, new(3, 0, 4), new(0, 0, 4), 0, 0, 4), new LoadWeights(new(MemorySpace.Wsp, 0xffff_ffff), new(default), 0),
            new MatMul(nowhere.Address, ElementType.F32, 0, nowhere.Address, ElementType.F32, 0, PanelLayout.KByN, new(MemorySpace.Acc, 0xffff_ffff), 0, 0, 5, 5, AccumulateMode.Init, 0, 1),
        ]).Run();
    }

    /// <summary>Any 64 bytes that decode, with any registers, run or trap: a hostile binary cannot reach the host.</summary>
    [Fact]
    public void Random_instructions_run_or_trap()
    {
        using var harness = new KernelHarness(1);
        var random = new Random(7);
        int traps = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            foreach (Instruction i in RandomOperands.OneOfEachKind(seed).Where(i => i.Engine != Engine.Sequencer && i is not (Wait or Post)))
            {
                long[] registers = [.. Enumerable.Range(0, Reg.Count).Select(r => r == 0 ? 0 : random.Next(4) switch { 0 => random.NextInt64(long.MinValue, long.MaxValue), 1 => 64 * random.NextInt64(100), 2 => KernelHarness.DramBase, _ => random.NextInt64(6) })];
                try
                {
                    harness.Execute(i with { Acquires = default, Releases = default }, registers);
                }
                catch (TrapException)
                {
                    traps++;
                }
            }
        }
        Assert.True(traps > 100);
    }

    private static TestProgram Faulty(Instruction[] program) => new TestProgram { Weights = new byte[128] }.Add(program);

    private static VectorOperand At(MemorySpace space, uint offset) => new(new(space, offset), 512, ElementType.F32);

    private static MatMul MatMul(ElementType format, byte arrays) => new(new(MemorySpace.Asp, 0), format, 64, new(MemorySpace.Wsp, 0), format, 64, PanelLayout.KByN, new(MemorySpace.Acc, 0), 512, 1, 1, 1, AccumulateMode.Init, 0, arrays);
}
