using System.Runtime.Intrinsics;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Kernels;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>The matrix kernel gives the same bits for every vector width, number of cores, and division into tiles.</summary>
public sealed unsafe class MatMulLaneTests
{
    [Theory]
    [InlineData(1, 64, 300)]
    [InlineData(3, 100, 70)]
    [InlineData(7, 600, 33)]
    [InlineData(50, 130, 257)]
    [InlineData(130, 1100, 96)]
    public void Widths_agree(int m, int k, int n)
    {
        var random = new Random(m);
        float[] a = [.. Enumerable.Range(0, m * k).Select(_ => random.NextSingle() - 0.5f)], w = [.. Enumerable.Range(0, k * n).Select(_ => random.NextSingle() - 0.5f)];
        float[] scalar = Run<float, ScalarLane>(a, w, m, k, n);
        Assert.Equal(scalar, Run<Vector128<float>, Lanes4>(a, w, m, k, n));
        Assert.Equal(scalar, Run<Vector256<float>, Lanes8>(a, w, m, k, n));
        Assert.Equal(scalar, Run<Vector512<float>, Lanes16>(a, w, m, k, n));

        // A row alone (decode) has the bits of the same row among others (prefill).
        Assert.Equal(scalar[((m - 1) * n)..], Run<Vector512<float>, Lanes16>(a[((m - 1) * k)..], w, 1, k, n));
    }

    private static float[] Run<TVector, TOps>(float[] a, float[] w, int m, int k, int n) where TVector : unmanaged where TOps : struct, IVectorOps<TVector>
    {
        float[] result = new float[m * n];
        fixed (float* pa = a, pw = w, pr = result)
        {
            MatMulTiles<TVector, TOps>.Run(new MatMulProblem
            {
                A = pa,
                ARowStride = k,
                W = (byte*)pw,
                WRowStride = n * 4,
                WFormat = ElementType.F32,
                Layout = PanelLayout.KByN,
                Result = pr,
                ResultRowStride = n,
                M = m,
                K = k,
                N = n,
                Init = true,
            });
        }
        return result;
    }
}
