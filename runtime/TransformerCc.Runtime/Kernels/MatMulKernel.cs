using System.Runtime.Intrinsics;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>
/// mm: acc[i, n] (+)= Σ over groups of 32 in k of (fused chain from +0, ascending), groups added in ascending order.
/// Checks the instruction, widens A to f32, and gives the product to the widest lanes of the host.
/// </summary>
internal static unsafe class MatMulKernel
{
    public static void Run(EngineContext x, MatMul i)
    {
        int m = x.Count(i.M), k = x.Count(i.K), n = x.Count(i.N);
        Check(x, i);
        if (m == 0 || n == 0)
        {
            return;
        }
        if ((long)m * k > EngineContext.MaxElements)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"A of {m} x {k} elements"));
        }
        x.Statistics.MultiplyAdds += (long)m * n * k;
        if (IntegerMatMulKernel.Multiplies(i))
        {
            IntegerMatMulKernel.Run(x, i, m, k, n);
            return;
        }
        byte* result = x.Pointer(i.Result);
        long resultStride = x.Value(i.ResultRowStride);
        if (k == 0)
        {
            PassThrough(i.Mode, result, resultStride, m, n);
            return;
        }
        float* a = WidenA(x, i, m, k, out long aStride);
        var p = new MatMulProblem
        {
            A = a,
            ARowStride = aStride,
            W = x.Pointer(i.W),
            WRowStride = x.Value(i.WRowStride),
            WFormat = i.WFormat.Element,
            Blocks = i.WFormat.Block,
            Layout = i.Layout,
            Result = (float*)result,
            ResultRowStride = resultStride / sizeof(float),
            M = m,
            K = k,
            N = n,
            Init = i.Mode == AccumulateMode.Init,
        };
        if (i.WFormat.Block is { HasMinimum: true } format)
        {
            p = p with { GroupSumsStride = ((k - 1) / format.GroupSize) + 1, GroupSums = SumGroups(x, p, format.GroupSize) };
        }
        if (m > 1 && resultStride < (long)n * sizeof(float))
        {
            // Rows of the result overlap: only the order of the loop nest gives the right values.
            RunRows(p);
        }
        else
        {
            Multiply(p);
        }
    }

    /// <summary>Runs on the widest vectors of the host; the choice never shows in the result.</summary>
    private static void Multiply(MatMulProblem p)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            MatMulTiles<Vector512<float>, Lanes16>.Run(p);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            MatMulTiles<Vector256<float>, Lanes8>.Run(p);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            MatMulTiles<Vector128<float>, Lanes4>.Run(p);
        }
        else
        {
            MatMulTiles<float, ScalarLane>.Run(p);
        }
    }

    private static void RunRows(MatMulProblem p)
    {
        for (int row = 0; row < p.M; row++)
        {
            Multiply(p with { A = p.A + (row * p.ARowStride), GroupSums = p.GroupSums + (row * p.GroupSumsStride), Result = p.Result + (row * p.ResultRowStride), M = 1 });
        }
    }

    private static void Check(EngineContext x, MatMul i)
    {
        if (i.ArrayCount == 0 || i.FirstArray + i.ArrayCount > x.Chip.Matrix.Arrays)
        {
            throw new TrapSignal(TrapKind.IllegalInstruction, FormattableString.Invariant($"arrays {i.FirstArray} to {i.FirstArray + i.ArrayCount - 1} of the chip's {x.Chip.Matrix.Arrays}"));
        }
        if (!IsMultiplied(i.AFormat) || !IsMultiplied(i))
        {
            throw new TrapSignal(TrapKind.IllegalInstruction, $"the matrix engine does not multiply {i.AFormat.Name()} by {i.WFormat.Name}");
        }
    }

    /// <summary>Formats whose every value is exact in f32.</summary>
    private static bool IsMultiplied(ElementType f) =>
        f is ElementType.F32 or ElementType.BF16 or ElementType.F16 or ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.I8 or ElementType.U8 or ElementType.I16 or ElementType.U16;

    /// <summary>Blocks in the layout of panels, in a format that panels have.</summary>
    private static bool IsMultiplied(MatMul i) =>
        i.WFormat.Block is { } block ? block.PanelFormat == block && i.Layout == PanelLayout.KByN : IsMultiplied(i.WFormat.Element);

    /// <summary>The sum of each group of each row of A, in ascending order: what minimums are multiplied by.</summary>
    private static float* SumGroups(EngineContext x, MatMulProblem p, int groupSize)
    {
        int groups = ((p.K - 1) / groupSize) + 1;
        float* sums = x.Rows.Pinned(1, checked(p.M * groups)), next = sums;
        for (int row = 0; row < p.M; row++)
        {
            float* a = p.A + (row * p.ARowStride);
            for (int k = 0; k < p.K; k += groupSize)
            {
                float sum = 0f;
                foreach (float value in new ReadOnlySpan<float>(a + k, int.Min(groupSize, p.K - k)))
                {
                    sum += value;
                }
                *next++ = sum;
            }
        }
        return sums;
    }

    private static float* WidenA(EngineContext x, MatMul i, int m, int k, out long stride)
    {
        byte* a = x.Pointer(i.A);
        long bytes = x.Value(i.ARowStride);
        if (i.AFormat == ElementType.F32)
        {
            stride = bytes / sizeof(float);
            return (float*)a;
        }
        float* wide = x.Rows.Pinned(0, checked(m * k));
        for (int row = 0; row < m; row++)
        {
            RowConversion.ReadFloats(i.AFormat, a + (row * bytes), new Span<float>(wide + ((long)row * k), k));
        }
        stride = k;
        return wide;
    }

    /// <summary>K = 0: what the accumulators hold passes through, NaN as always canonical.</summary>
    private static void PassThrough(AccumulateMode mode, byte* result, long stride, int m, int n)
    {
        for (int row = 0; row < m; row++)
        {
            var line = new Span<float>(result + (row * stride), n);
            if (mode == AccumulateMode.Init)
            {
                line.Clear();
            }
            FloatBits.Canonicalize(line);
        }
    }
}

/// <summary>A product with resolved operands. Strides of A and the result are in floats, of W in bytes.</summary>
internal readonly unsafe struct MatMulProblem
{
    public float* A { get; init; }
    public long ARowStride { get; init; }
    public byte* W { get; init; }
    public long WRowStride { get; init; }
    public ElementType WFormat { get; init; }
    /// <summary>The format of weights in blocks; null for plain weights.</summary>
    public BlockFormat? Blocks { get; init; }
    /// <summary>Row i, group g: the sum of A's elements. Only for formats with minimums.</summary>
    public float* GroupSums { get; init; }
    public long GroupSumsStride { get; init; }
    public PanelLayout Layout { get; init; }
    public float* Result { get; init; }
    public long ResultRowStride { get; init; }
    public int M { get; init; }
    public int K { get; init; }
    public int N { get; init; }
    public bool Init { get; init; }
}
