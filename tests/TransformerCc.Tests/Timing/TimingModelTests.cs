using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Runtime.Timing;
using TransformerCc.Tests.Runtime;

namespace TransformerCc.Tests.Timing;

/// <summary>
/// Schedules computed by hand from the rules of the timing model, on a chip of round numbers: 1 GHz, 100 bytes of DRAM a
/// cycle after 400 cycles of latency, a port of 64 bytes, arrays of 128 × 128 with 4 rows a cycle, 16 lanes of both kinds.
/// </summary>
public sealed class TimingModelTests
{
    private static readonly ChipDescription s_chip = Round(TestChips.Default);

    private static readonly Reg s_one = new(1);

    private static ChipDescription Round(ChipDescription chip) => chip with
    {
        ClockGhz = 1,
        Memory = chip.Memory with { DramBytesPerSecond = 100e9, DramEfficiency = 1, DramLatencyNs = 400 },
        Dma = chip.Dma with { PortBytesPerCycle = 64 },
        Vector = chip.Vector with { AluLanes = 16, SfuLanes = 8, AspPortBytesPerCycle = 1 << 20 },
    };

    /// <summary>The engine sees the first instruction 4 cycles after its dispatch at 0.</summary>
    private const double Arrival = 4;

    private static (TimingReport Report, List<TimedInstruction> Trace) Time(TestProgram program, ChipDescription? chip = null)
    {
        var trace = new List<TimedInstruction>();
        return (TimingModel.Run(program.Image(), chip ?? s_chip, new Dictionary<string, long>(), trace: trace.Add), trace);
    }

    private static LoadWeights Panel(uint at, long bytes) => new(new(MemorySpace.Wsp, at), new(Reg.Zero, 4096), Dim.Of(bytes));

    private static MatMul Product(int m, int k, int n, byte first = 0, byte arrays = 1) => new(
        new(MemorySpace.Asp, 0), ElementType.BF16, 512, new(MemorySpace.Wsp, 0), ElementType.BF16, 512, PanelLayout.KByN, new(MemorySpace.Acc, 0), 1024, m, k, n, AccumulateMode.Init, first, arrays);

    private static VectorUnary Vector(UnaryOp op, int rows) => new(op, new(new(MemorySpace.Asp, 0), 64, ElementType.F32), new(new(MemorySpace.Asp, 0), 64, ElementType.F32), rows, 16);

    /// <summary>Latency, then (⌈bytes / 64⌉·64 + 32) / 100; the port would take 100 cycles for 6400 bytes.</summary>
    [Fact]
    public void A_transfer_takes_its_latency_and_its_bytes()
    {
        TimedInstruction t = Assert.Single(Time(new TestProgram().Add(Panel(0, 6400))).Trace);
        Assert.Equal(Arrival, t.Start);
        Assert.Equal(Arrival + 400 + 100, t.End, 6);
        TimedInstruction wide = Assert.Single(Time(new TestProgram().Add(Panel(0, 6400)), s_chip with { Dma = s_chip.Dma with { PortBytesPerCycle = 1024 } }).Trace);
        Assert.Equal(Arrival + 400 + 64.32, wide.End, 6);
    }

    /// <summary>Two transfers on one engine overlap their latencies and share the bandwidth; the second enters a cycle later.</summary>
    [Fact]
    public void Transfers_overlap_and_share()
    {
        ChipDescription chip = s_chip with { Dma = s_chip.Dma with { PortBytesPerCycle = 4096 } };
        List<TimedInstruction> trace = Time(new TestProgram().Add(Panel(0, 6368), Panel(6400, 6368)), chip).Trace;
        // 6432 bytes each. One cycle alone, then half the bandwidth until the first is through; the rest alone.
        Assert.Equal(404 + 1 + ((6432 - 100) / 50.0), trace[0].End, 6);
        Assert.Equal(404 + (2 * 6432 / 100.0), trace[1].End, 6);
    }

    [Fact]
    public void Transfers_in_flight_are_limited()
    {
        ChipDescription one = s_chip with { Dma = s_chip.Dma with { Outstanding = 1 } };
        List<TimedInstruction> trace = Time(new TestProgram().Add(Panel(0, 64), Panel(64, 64)), one).Trace;
        Assert.Equal(trace[0].End, trace[1].Start, 6);
    }

    /// <summary>32 + 8 cycles of weight load, then M + K + N − 1 + 8 from the start of the only tile.</summary>
    [Fact]
    public void A_product_of_one_tile()
    {
        TimedInstruction t = Assert.Single(Time(new TestProgram().Add(Product(10, 128, 128))).Trace);
        Assert.Equal(Arrival + 40, t.Start);
        Assert.Equal(Arrival + 40 + 10 + 128 + 128 - 1 + 8, t.End);
    }

    /// <summary>Six tiles on one array: each occupies it for max(M, load); on three arrays two rounds.</summary>
    [Theory]
    [InlineData(10, 1, 5 * 40)]
    [InlineData(100, 1, 5 * 100)]
    [InlineData(100, 3, 1 * 100)]
    public void Tiles_follow_each_other(int m, byte arrays, double before)
    {
        TimedInstruction t = Assert.Single(Time(new TestProgram().Add(Product(m, 256, 384, 0, arrays))).Trace);
        Assert.Equal(t.Start + before + m + 128 + 128 - 1 + 8, t.End);
    }

    [Fact]
    public void Products_on_disjoint_arrays_overlap_and_on_the_same_follow()
    {
        List<TimedInstruction> apart = Time(new TestProgram().Add(Product(100, 128, 128, 0), Product(100, 128, 128, 1))).Trace;
        Assert.Equal(1, apart[1].Start - apart[0].Start);
        List<TimedInstruction> together = Time(new TestProgram().Add(Product(100, 128, 128), Product(100, 128, 128))).Trace;
        // The second's weights enter the other bank meanwhile.
        Assert.Equal(100, together[1].Start - together[0].Start);
    }

    /// <summary>f32 streams at a quarter of the rate and loads half as many rows a cycle.</summary>
    [Fact]
    public void Formats_have_rates()
    {
        TimedInstruction t = Assert.Single(Time(new TestProgram().Add(Product(10, 128, 128) with { AFormat = ElementType.F32, WFormat = ElementType.F32 })).Trace);
        Assert.Equal(Arrival + 64 + 8, t.Start);
        Assert.Equal(t.Start + 40 + 128 + 128 - 1 + 8, t.End);
    }

    /// <summary>24 cycles and the elements over the lanes; special functions have half of them; instructions follow each other.</summary>
    [Fact]
    public void Vector_instructions_take_their_passes()
    {
        List<TimedInstruction> trace = Time(new TestProgram().Add(Vector(UnaryOp.Negate, 10), Vector(UnaryOp.Exp, 10))).Trace;
        Assert.Equal((Arrival, Arrival + 24 + 10), (trace[0].Start, trace[0].End));
        Assert.Equal((trace[0].End, trace[0].End + 24 + 20), (trace[1].Start, trace[1].End));
    }

    /// <summary>
    /// 64 rows of 16 elements: a pass takes 64 cycles on 16 ALU lanes, 128 on 8 lanes of special functions, and a special function
    /// for each row 8. Each pass is charged to the lanes that its instruction's definition names.
    /// </summary>
    [Fact]
    public void Passes_take_the_lanes_of_their_functions()
    {
        const int Simple = 64, Special = 128, PerRow = 8, Start = 24, Reduction = 32;
        VectorOperand f32 = new(new(MemorySpace.Asp, 0), 64, ElementType.F32);
        ScratchAddress at = new(MemorySpace.Asp, 0);
        VectorNorm Norm(NormKind kind) => new(kind, f32, f32, at, ElementType.F32, false, at, ElementType.F32, 0, 64, 16);
        (Instruction Instruction, double Cycles)[] expected =
        [
            // Scale and maximum; then exp and sum; the factor of each row.
            (new OnlineSoftmax(f32, f32, at, 64, AccumulateMode.Init, 64, 16, 1, 64, Reg.Zero, Reg.Zero, 0), Start + Reduction + Simple + Special + PerRow),
            // Maximum; exp and sum; a division of each element.
            (new VectorSoftmax(f32, f32, 64, 16), Start + Reduction + Simple + (2 * Special)),
            (new OnlineFinish(f32, f32, at, 64, 64, 16), Start + Special),
            // Mean and variance, result; two divisions, a root and its reciprocal for each row.
            (Norm(NormKind.Layer), Start + Reduction + (2 * Simple) + (4 * PerRow)),
            (Norm(NormKind.Rms), Start + Reduction + (2 * Simple) + (3 * PerRow)),
            (new VectorGated(UnaryOp.Silu, f32, f32, f32, 64, 16), Start + Special),
            (new VectorGated(UnaryOp.Relu, f32, f32, f32, 64, 16), Start + Simple),
            (new VectorReduce(ReduceOp.Sum, f32, f32, 64, 16), Start + Reduction + Simple),
            (new VectorReduce(ReduceOp.Mean, f32, f32, 64, 16), Start + Reduction + Simple + PerRow),
            (new VectorBinary(BinaryOp.Div, f32, f32, f32, 64, 16), Start + Special),
            (new VectorBinary(BinaryOp.Mul, f32, f32, f32, 64, 16), Start + Simple),
        ];
        var program = new TestProgram();
        program.Add([.. expected.Select(e => e.Instruction)]);
        Assert.Equal(expected.Select(e => e.Cycles), Time(program).Trace.Select(t => t.End - t.Start));
    }

    [Fact]
    public void A_channel_hands_over_in_eight_cycles()
    {
        List<TimedInstruction> trace = Time(new TestProgram().Add(
            Vector(UnaryOp.Negate, 10) with { Releases = SemaphoreList.Of(1) }, Product(10, 128, 128) with { Acquires = SemaphoreList.Of(1) })).Trace;
        // The weights enter the array while the vector engine works.
        Assert.Equal(trace[0].End + 8, trace[1].Start);
    }

    /// <summary>The 33rd instruction waits in the sequencer until the first has left the queue of 32.</summary>
    [Fact]
    public void A_full_queue_stops_the_sequencer()
    {
        var program = new TestProgram();
        program.Add([.. Enumerable.Range(0, 40).Select(_ => (Instruction)Vector(UnaryOp.Negate, 100))]).Add(Product(1, 32, 128));
        (_, List<TimedInstruction> trace) = Time(program);
        // 41st dispatch: seven queue entries more than fit had to start before.
        double eighth = trace[7].Start;
        Assert.True(trace.Single(t => t.Engine == Engine.Matrix).Start >= eighth + Arrival);
    }

    [Fact]
    public void Scalar_code_costs_a_cycle_and_loops_go_back_for_free()
    {
        var program = new TestProgram().Add(new LoadImmediate(s_one, 5), new Loop(10, new Reg(2), 1), new Scalar(ScalarOp.Add, s_one, s_one, 1));
        Assert.Equal(1 + 1 + 10, Time(program).Report.Cycles);
    }

    /// <summary>The product is there at 5, its weights at 504 and their unit at 512; a tile of 128 rows enters in 40.</summary>
    [Fact]
    public void A_stall_is_told_by_its_causes()
    {
        (TimingReport report, List<TimedInstruction> trace) = Time(new TestProgram().Add(Panel(0, 6400) with { Releases = SemaphoreList.Of(1) }, Product(10, 128, 128) with { Acquires = SemaphoreList.Of(1) }));
        Assert.Equal(552, trace.Single(t => t.Engine == Engine.Matrix).Start, 6);
        EngineTime matrix = report.Engines.Single(e => e.Engine == Engine.Matrix);
        Assert.Equal([new Stall(StallCause.Semaphore, Engine.WeightDma, 507), new Stall(StallCause.Resource, Engine.Matrix, 40), new Stall(StallCause.Dispatch, Engine.Sequencer, 5)], matrix.Stalls.Select(s => s with { Cycles = double.Round(s.Cycles, 6) }));
        Assert.Equal(552, report.Waits.Where(w => w.Engine == Engine.Matrix).Sum(w => w.Cycles), 6);
    }

    [Fact]
    public void A_deadlock_is_reported()
    {
        var program = new TestProgram().Add(Product(1, 32, 128) with { Acquires = SemaphoreList.Of(3) });
        Assert.Contains("deadlock", Assert.Throws<TrapException>(() => Time(program)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tx1")]
    [InlineData("tx1-edge")]
    public void Bytes_and_multiply_adds_are_those_of_the_emulator(string chip)
    {
        CompilationResult compiled = CompilerDriver.Compile(TestData.AdderModel, new CompileOptions { Chip = ChipDescriptions.Load(chip) }, []);
        TimingReport report = TimingModel.Run(compiled.Image!, ChipDescriptions.Load(chip), Sizes);
        using LoadedProgram program = LoadedProgram.Load(Resident(compiled.Image!), ChipDescriptions.Load(chip));
        RunResult run = new Session(program).Run(Inputs(program));
        Assert.Equal(run.Statistics.Instructions, report.Instructions);
        Assert.Equal(run.Statistics.MultiplyAdds, report.MultiplyAdds);
        foreach (MemorySpace space in new[] { MemorySpace.Acc, MemorySpace.Wsp })
        {
            Assert.Equal(run.Statistics.Bytes[space].Read + run.Statistics.Bytes[space].Written, report.Bytes[space]);
        }
        // The footprint of the embedding's gather is its table of 12 rows; the model counts the 18 that it fetches.
        const long Row = 64 * sizeof(float);
        Assert.Equal(run.Statistics.Bytes[MemorySpace.Dram].Read + run.Statistics.Bytes[MemorySpace.Dram].Written + ((18 - 12) * Row), report.Bytes[MemorySpace.Dram]);
    }

    [Fact]
    public void More_bandwidth_is_not_slower()
    {
        CompilationResult compiled = CompilerDriver.Compile(TestData.AdderModel, new CompileOptions { Chip = TestChips.Edge }, []);
        double before = double.PositiveInfinity;
        foreach (double factor in new[] { 0.25, 0.5, 1, 1.1, 2, 4, 100 })
        {
            double cycles = TimingModel.Run(compiled.Image!, TestChips.Edge with { Memory = TestChips.Edge.Memory with { DramBytesPerSecond = TestChips.Edge.Memory.DramBytesPerSecond * factor } }, Sizes).Cycles;
            Assert.True(cycles <= before * 1.005, $"{cycles} cycles at {factor} of the bandwidth, {before} with less");
            before = cycles;
        }
    }

    [Fact]
    public void The_report_adds_up()
    {
        CompilationResult compiled = CompilerDriver.Compile(TestData.AdderModel, new CompileOptions { Chip = TestChips.Default }, []);
        var trace = new List<TimedInstruction>();
        TimingReport report = TimingModel.Run(compiled.Image!, TestChips.Default, Sizes, trace: trace.Add);
        Assert.Equal(report.Cycles, TimingModel.Run(compiled.Image!, TestChips.Default, Sizes).Cycles);
        Assert.Equal(report.Bytes[MemorySpace.Dram], report.Sources.Sum(s => s.DramBytes));
        Assert.Equal(report.MultiplyAdds, report.Sources.Sum(s => s.MultiplyAdds));
        Assert.Equal(report.Energy.Total - report.Energy.Static, report.Sources.Sum(s => s.Joules), 12);
        foreach (EngineTime e in report.Engines)
        {
            Assert.InRange(e.Busy + e.Stalls.Sum(s => s.Cycles), 0, report.Cycles * 1.0001);
        }
        foreach (IGrouping<Engine, TimedInstruction> engine in trace.GroupBy(t => t.Engine))
        {
            Assert.True(engine.Zip(engine.Skip(1)).All(p => p.First.Start <= p.Second.Start && p.First.End <= p.Second.End), $"{engine.Key} ends out of order");
        }
    }

    private static Dictionary<string, long> Sizes => new() { ["batch"] = 2, ["length"] = 9 };

    private static Dictionary<string, Tensor> Inputs(LoadedProgram program) => program.Image.Tensors.Where(t => t.Kind == TransformerCc.Isa.BinaryFile.TensorKind.Input)
        .ToDictionary(t => t.Name, t => new Tensor(t.Type, [.. t.Shape.Select(d => d.Evaluate(Sizes))], new byte[t.Shape.Aggregate(1L, (n, d) => n * d.Evaluate(Sizes)) * t.Type.Size()]));

    private static TransformerCc.Isa.BinaryFile.ProgramImage Resident(TransformerCc.Isa.BinaryFile.ProgramImage image)
    {
        using var bytes = new MemoryStream();
        image.Weights.WriteTo(bytes);
        return image with { Weights = new TransformerCc.Isa.BinaryFile.BytesWeightSection(bytes.ToArray()) };
    }
}
