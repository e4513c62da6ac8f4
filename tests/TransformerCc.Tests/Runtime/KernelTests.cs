using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Every instruction of the engines against its loop nest, on random shapes, strides and formats.</summary>
public sealed class KernelTests
{
    private static readonly ElementType[] s_floats = [ElementType.F32, ElementType.BF16, ElementType.F16, ElementType.F8E4M3];
    private static readonly ElementType[] s_all = [ElementType.F32, ElementType.F32, ElementType.BF16, ElementType.F16, ElementType.I64, ElementType.I32, ElementType.Bool, ElementType.U8, ElementType.F64];
    private static readonly int[] s_columns = [0, 1, 2, 15, 16, 17, 40, 100, 1030];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 4)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Unary(int seed) => Each<UnaryOp>(seed, (g, op) => new VectorUnary(op, g.Target(s_all), g.Source(1, s_all), g.Rows, g.Columns, 2.5f));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Binary(int seed) => Each<BinaryOp>(seed, (g, op) =>
    {
        // Integer division needs a divisor that is never zero: booleans and bytes hold zeros.
        bool divides = op is BinaryOp.Div or BinaryOp.Mod or BinaryOp.Rem;
        return op == BinaryOp.Pow
            ? new VectorBinary(op, g.Target(s_all), g.Source(1, s_floats), g.Source(2, s_floats), g.Rows, g.Columns)
            : new VectorBinary(op, g.Target(s_all), g.Source(1, s_all), g.Source(2, divides ? [ElementType.F32, ElementType.BF16] : s_all), g.Rows, g.Columns);
    });

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Select(int seed) => Once(seed, 20, g => new VectorSelect(g.Target(s_all), g.Source(1, s_all), g.Source(2, s_all), g.Source(3, s_all), g.Rows, g.Columns));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Gated(int seed) => Each<UnaryOp>(seed, (g, op) => new VectorGated(op, g.Target(s_all), g.Source(1, s_floats), g.Source(2, s_floats), g.Rows, g.Columns));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Iota(int seed) => Once(seed, 20, g => new VectorIota(g.Target(s_all), g.Rows, g.Columns, new Reg(1), new Reg(2), new Reg(3)));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Reduce(int seed) => Each<ReduceOp>(seed, (g, op) => new VectorReduce(op, g.Target(s_all), g.Source(1, op == ReduceOp.Mean ? s_floats : s_all), g.Rows, g.Columns));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Scan(int seed) => Once(seed, 20, g => new VectorScan(g.Target(s_all), g.Source(1, s_all), g.Rows, g.Columns, g.Flip, g.Flip));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void TopK(int seed) => Once(seed, 20, g => new VectorTopK(g.Target(s_all), g.Source(2, [ElementType.I64, ElementType.I32]), g.Source(1, s_all), g.Rows, g.Columns, g.Next(0, g.Columns + 1), g.Flip));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Norm(int seed) => Each<NormKind>(seed, (g, kind) => new VectorNorm(kind, g.Target(s_floats), g.Source(1, s_floats),
        g.Place(2), g.Pick(s_floats), g.Flip, g.Place(3), g.Pick(s_floats), 1e-5f, g.Rows, g.Columns), times: 5);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Rope(int seed) => Each<RopeKind>(seed, (g, kind) =>
    {
        ushort heads = (ushort)g.Next(1, 4), width = (ushort)g.Next(0, 40);
        g.Columns = heads * width;
        return new VectorRope(kind, g.Target(s_floats, single: false), g.Source(1, s_floats), g.Place(2), g.Place(3), g.Flip ? 0 : 192, g.Pick(s_floats), g.Rows, heads, width, (ushort)(g.Next(0, (width / 2) + 1) * 2));
    }, times: 5);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Softmax(int seed) => Once(seed, 20, g => new VectorSoftmax(g.Target(s_floats), g.Source(1, s_floats), g.Rows, g.Columns));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Online_softmax(int seed) => Each<AccumulateMode>(seed, (g, mode) => new OnlineSoftmax(g.Target(s_floats), g.Source(1, s_floats), g.Place(2), 64, mode, g.Rows, g.Columns, 0.3f, g.Next(1, 4), new Reg(4), new Reg(5), (byte)g.Next(0, 2)), times: 10);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Online_finish(int seed) => Once(seed, 20, g => new OnlineFinish(g.Target(s_floats), g.Source(1, s_floats), g.Place(2), 128, g.Rows, g.Columns));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Matrix(int seed) => Each<PanelLayout>(seed, (g, layout) =>
    {
        int m = g.Next(0, 20), k = g.Pick([0, 1, 31, 32, 33, 70, 530]), n = g.Pick([1, 5, 16, 33, 64, 70]);
        ElementType a = g.Pick(s_floats), w = g.Pick([ElementType.F32, ElementType.F32, ElementType.BF16, ElementType.I8]);
        int depth = (layout == PanelLayout.KByN ? n : k) * 4;
        return new MatMul(new(MemorySpace.Asp, 0), a, Round(k * 4, 64), new(g.Flip ? MemorySpace.Wsp : MemorySpace.Asp, 0x40000), w, Round(depth, 64), layout,
            new(MemorySpace.Acc, 1024), Round(n * 4, 512), m, k, n, g.Flip ? AccumulateMode.Init : AccumulateMode.Add, 0, 2);
    }, times: 4);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Moves(int seed) => Once(seed, 30, g =>
    {
        (ElementType from, ElementType to) = (g.Pick(s_all), g.Flip ? g.Pick(s_all) : ElementType.F32);
        (int outer, int middle, int inner) = (g.Next(0, 4), g.Next(0, 6), g.Next(0, 20));
        Dim3 dst = Strides(g, to.Size(), outer, middle, inner), src = Strides(g, from.Size(), outer, middle, inner);
        var count = new Dim3(outer, middle, inner);
        return g.Next(0, 3) switch
        {
            0 => new Load(new(g.Flip ? MemorySpace.Asp : MemorySpace.Wsp, 64), to, new(KernelHarness.DramPointer, 128), from, count, src, dst.Outer, dst.Middle, dst.Inner),
            1 => new Store(new(KernelHarness.DramPointer, 128), to, new(MemorySpace.Asp, 64), from, count, dst, src.Outer, src.Middle, src.Inner),
            _ => new Copy(new(MemorySpace.Wsp, 64), to, new(MemorySpace.Asp, 4096), from, count, dst, src),
        };
    });

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Weights_and_fill(int seed) => Once(seed, 20, g => g.Flip
        ? new LoadWeights(new(MemorySpace.Wsp, 640), new(KernelHarness.DramPointer, 64), g.Next(0, 5000))
        : new Fill(new(g.Pick([MemorySpace.Asp, MemorySpace.Acc, MemorySpace.Wsp]), 64), g.Pick(s_all), 1024, g.Next(0, 5), g.Next(0, 100), new Reg(1)));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Gathers(int seed)
    {
        using var harness = new KernelHarness(seed);
        var g = new OperandSource(seed);
        for (int i = 0; i < 10; i++)
        {
            int rows = g.Next(0, 9), tableRows = g.Next(1, 6);
            for (int r = 0; r < rows; r++)
            {
                BitConverter.TryWriteBytes(harness.Bytes(MemorySpace.Asp)[(8 * r)..], (long)g.Next(-tableRows, tableRows));
            }
            harness.Compare(new Gather(new(MemorySpace.Asp, 4096), g.Pick(s_all), 512, new(KernelHarness.DramPointer, 64), g.Pick(s_floats), 256, tableRows, new(MemorySpace.Asp, 0), ElementType.I64, rows, g.Next(0, 60)));
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Scatters(int seed)
    {
        using var harness = new KernelHarness(seed);
        var g = new OperandSource(seed);
        foreach (ScatterMode mode in Enum.GetValues<ScatterMode>().Concat(Enum.GetValues<ScatterMode>()))
        {
            int rows = g.Next(0, 9), tableRows = g.Next(1, 6);
            for (int r = 0; r < rows; r++)
            {
                BitConverter.TryWriteBytes(harness.Bytes(MemorySpace.Asp)[(8 * r)..], (long)g.Next(-tableRows, tableRows));
            }
            harness.Compare(new Scatter(mode, new(KernelHarness.DramPointer, 64), g.Pick(s_all), 512, tableRows, new(MemorySpace.Asp, 4096), g.Pick(s_all), 512, new(MemorySpace.Asp, 0), ElementType.I64, rows, g.Next(0, 60)));
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Matrix_of_bytes(int seed) => Each<PanelLayout>(seed, (g, layout) =>
    {
        ElementType[] bytes = [ElementType.I8, ElementType.U8];
        int m = g.Next(0, 20), k = g.Pick([0, 1, 31, 33, 70, 530]), n = g.Pick([1, 5, 16, 33, 70]);
        return new MatMul(new(MemorySpace.Asp, 0), g.Pick(bytes), Round(k, 64), new(g.Flip ? MemorySpace.Wsp : MemorySpace.Asp, 0x40000), g.Pick(bytes), Round(layout == PanelLayout.KByN ? n : k, 64), layout,
            new(MemorySpace.Acc, 1024), Round(n * 4, 512), m, k, n, g.Flip ? AccumulateMode.Init : AccumulateMode.Add, 0, 2);
    }, times: 4);

    private static Dim3 Strides(OperandSource g, int size, int outer, int middle, int inner)
    {
        // Any order of the three axes, so that transposes are among them.
        int[] count = [outer, middle, inner], axes = [0, 1, 2], stride = new int[3];
        g.Shuffle(axes);
        int step = size * g.Next(1, 3);
        foreach (int axis in axes)
        {
            stride[axis] = step;
            step *= int.Max(count[axis], 1);
        }
        return new Dim3(stride[0], stride[1], stride[2]);
    }

    private static int Round(int value, int unit) => (value + unit - 1) / unit * unit;

    private static void Each<TEnum>(int seed, Func<OperandSource, TEnum, Instruction> make, int times = 1) where TEnum : struct, Enum
    {
        using var harness = new KernelHarness(seed);
        var g = new OperandSource(seed);
        for (int i = 0; i < times; i++)
        {
            foreach (TEnum op in Enum.GetValues<TEnum>())
            {
                Run(harness, g, () => make(g, op));
            }
        }
    }

    private static void Once(int seed, int times, Func<OperandSource, Instruction> make)
    {
        using var harness = new KernelHarness(seed);
        var g = new OperandSource(seed);
        for (int i = 0; i < times; i++)
        {
            Run(harness, g, () => make(g));
        }
    }

    private static void Run(KernelHarness harness, OperandSource g, Func<Instruction> make)
    {
        g.Rows = g.Next(0, 6);
        g.Columns = g.Pick(s_columns);
        harness.Compare(make(), (new Reg(1), g.Next(-9, 9)), (new Reg(2), g.Next(-9, 9)), (new Reg(3), g.Next(-9, 9)), (new Reg(4), g.Next(-3, 8)), (new Reg(5), g.Next(-3, 120)));
    }
}
