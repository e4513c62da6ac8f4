using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Kernels;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Products with weights in blocks, and look-ups in tables of blocks, bit for bit as their loop nests say, for every format.</summary>
public sealed unsafe class BlockKernelTests
{
    private static readonly int[] s_m = [1, 2, 3, 4, 7], s_k = [1, 15, 32, 33, 97, 256, 300, 530], s_n = [1, 5, 16, 31, 64, 67, 130];

    public static TheoryData<string> Formats => [.. BlockFormat.All.Select(f => f.Name)];

    public static TheoryData<string> Multiplied => [.. BlockFormat.All.Where(f => f.PanelFormat == f).Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Multiplied))]
    public void Products_follow_the_loop_nest(string name)
    {
        BlockFormat format = Find(name);
        using var harness = new KernelHarness(format.Code);
        var g = new OperandSource(format.Code);
        RandomBytes(harness.Bytes(MemorySpace.Wsp), format.Code);
        RandomFloats(MemoryMarshal.Cast<byte, float>(harness.Bytes(MemorySpace.Asp)), format.Code);
        for (int times = format.GgmlType is null ? 2 : 4; times > 0; times--) // ninety formats differ only in lengths
        {
            int m = g.Pick(s_m), k = g.Pick(s_k), n = g.Pick(s_n);
            ElementType a = g.Pick([ElementType.F32, ElementType.BF16]);
            harness.Compare(new MatMul(new(MemorySpace.Asp, 0), a, Round(k * a.Size(), 64), new(MemorySpace.Wsp, 64), format, Round(n, 64), PanelLayout.KByN,
                new(MemorySpace.Acc, 1024), Round(n * 4, 512), m, k, n, g.Flip ? AccumulateMode.Init : AccumulateMode.Add, 0, 2));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Look_ups_decode(string name)
    {
        BlockFormat format = Find(name);
        using var harness = new KernelHarness(format.Code);
        var g = new OperandSource(format.Code);
        RandomBytes(harness.Bytes(MemorySpace.Dram), format.Code);
        for (int times = 0; times < 2; times++)
        {
            int rows = g.Next(1, 6), columns = g.Pick([0, 1, 31, 256, 300]), tableRows = g.Next(1, 6);
            for (int r = 0; r < rows; r++)
            {
                BitConverter.TryWriteBytes(harness.Bytes(MemorySpace.Asp)[(8 * r)..], (long)g.Next(-tableRows, tableRows));
            }
            ElementType dst = g.Pick([ElementType.F32, ElementType.BF16, ElementType.F16]);
            harness.Compare(new Gather(new(MemorySpace.Asp, 4096), dst, 2048, new(KernelHarness.DramPointer, 3), format, (int)format.RowBytes(columns) + 1, tableRows,
                new(MemorySpace.Asp, 0), ElementType.I64, rows, columns));
        }
    }

    [Theory]
    [InlineData("q4_k")]
    [InlineData("q6_k")]
    [InlineData("q5_1")]
    [InlineData("mxfp4")]
    [InlineData("nbits4_16_f16_zero")]
    public void Vector_widths_and_numbers_of_rows_agree(string name)
    {
        BlockFormat format = Find(name);
        foreach ((int m, int k, int n) in new[] { (1, 600, 300), (3, 256, 70), (6, 97, 33), (26, 1030, 130) })
        {
            var problem = new Problem(format, m, k, n);
            float[] scalar = problem.Run<float, ScalarLane>(0, m);
            Assert.Equal(scalar, problem.Run<Vector128<float>, Lanes4>(0, m));
            Assert.Equal(scalar, problem.Run<Vector256<float>, Lanes8>(0, m));
            Assert.Equal(scalar, problem.Run<Vector512<float>, Lanes16>(0, m));
            Assert.Equal(scalar[((m - 1) * n)..], problem.Run<Vector512<float>, Lanes16>(m - 1, 1));
        }
    }

    [Fact]
    public void Grids_are_not_multiplied()
    {
        using var harness = new KernelHarness(1);
        foreach ((BlockFormat format, PanelLayout layout) in new[] { (Find("iq2_xxs"), PanelLayout.KByN), (Find("q4_k"), PanelLayout.NByK) })
        {
            var product = new MatMul(new(MemorySpace.Asp, 0), ElementType.F32, 1024, new(MemorySpace.Wsp, 0), format, 64, layout, new(MemorySpace.Acc, 0), 512, 1, 256, 8, AccumulateMode.Init, 0, 1);
            Assert.Contains($"does not multiply f32 by {format}", Assert.Throws<TrapException>(() => harness.Execute(product, new long[1])).Trap.Message, StringComparison.Ordinal);
        }
    }

    private static BlockFormat Find(string name) => BlockFormat.TryParse(name, out BlockFormat? format) ? format : throw new ArgumentException(name);

    private static int Round(int value, int unit) => (value + unit - 1) / unit * unit;

    private static void RandomBytes(Span<byte> bytes, int seed) => new Random(seed).NextBytes(bytes);

    private static void RandomFloats(Span<float> values, int seed)
    {
        var random = new Random(seed);
        foreach (ref float f in values)
        {
            f = (random.NextSingle() - 0.5f) * 8;
        }
    }

    /// <summary>A product outside the machine.</summary>
    private sealed class Problem
    {
        private readonly BlockFormat _format;
        private readonly int _k, _n, _stride, _groups;
        private readonly float[] _a, _sums;
        private readonly byte[] _panel;

        public Problem(BlockFormat format, int m, int k, int n)
        {
            (_format, _k, _n, _stride, _groups) = (format, k, n, Round(n, 64), ((k - 1) / format.GroupSize) + 1);
            (_a, _sums, _panel) = (new float[m * k], new float[m * _groups], new byte[format.RowBytes(k) * _stride]);
            RandomFloats(_a, m);
            RandomFloats(_sums, k);
            RandomBytes(_panel, n);
        }

        public float[] Run<TVector, TOps>(int row, int rows) where TVector : unmanaged where TOps : struct, IVectorOps<TVector>
        {
            float[] result = new float[rows * _n];
            fixed (float* a = _a, sums = _sums, r = result)
            {
                fixed (byte* w = _panel)
                {
                    MatMulTiles<TVector, TOps>.Run(new MatMulProblem
                    {
                        A = a + (row * _k),
                        ARowStride = _k,
                        W = w,
                        WRowStride = _stride,
                        Blocks = _format,
                        GroupSums = sums + (row * _groups),
                        GroupSumsStride = _groups,
                        Layout = PanelLayout.KByN,
                        Result = r,
                        ResultRowStride = _n,
                        M = rows,
                        K = _k,
                        N = _n,
                        Init = true,
                    });
                }
            }
            return result;
        }
    }
}
