using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

public enum AccumulateMode : byte
{
    /// <summary>The result starts from zero.</summary>
    Init,
    /// <summary>The product is added to what the accumulators hold.</summary>
    Add,
}

public enum PanelLayout : byte
{
    /// <summary>Row k of the panel holds w[k, 0..N).</summary>
    KByN,
    /// <summary>Row n of the panel holds w[0..K, n): the product with the transpose.</summary>
    NByK,
}

/// <summary>
/// acc[i, n] (+)= sum over k of a[i, k] · w[k, n]      i &lt; M, k &lt; K, n &lt; N; groups of 32 in k, fused, ascending
/// </summary>
public sealed record MatMul(ScratchAddress A, ElementType AFormat, Dim ARowStride, ScratchAddress W, WeightFormat WFormat, Dim WRowStride, PanelLayout Layout,
    ScratchAddress Result, Dim ResultRowStride, Dim M, Dim K, Dim N, AccumulateMode Mode, byte FirstArray, byte ArrayCount) : Instruction<MatMul>, IInstruction<MatMul>
{
    /// <summary>K-groups: products are summed in groups of 32, each group then added to the accumulator. Block formats have their own.</summary>
    public const int GroupSize = 32;

    public static InstructionInfo Info { get; } = new(0x40, "mm", Engine.Matrix, "matrix", "Multiplies an activation block in ASP by a weight panel in WSP or ASP.",
        "for i < M, n < N:\n  acc = mode == Init ? 0 : ACC[result + i*result_row + 4*n]\n  for each group g of 32 in k (ascending):\n    p = +0;  for k in g (ascending): p = fma(a[i,k], w[k,n], p)      operands widened to f32 exactly\n    acc = acc + p\n  ACC[result + i*result_row + 4*n] = acc\nboth formats 8-bit integers: acc is int32, acc = acc + a[i,k]*w[k,n] modulo 2^32\nw in blocks: w[k,n] is the integer code, groups are those of the format, and the end of a group is\n    acc = fma(scale[g,n], p, acc)\n    with minimums: s = +0;  for k in g (ascending): s = s + a[i,k];  acc = fma(-minimum[g,n], s, acc)\na[i,k] = ASP[a + i*a_row + k*size];  w[k,n] = panel[w + k*w_row + n*size] (KByN) or panel[w + n*w_row + k*size] (NByK)\nbyte j of block b of column n = panel[w + (b*block_bytes + j)*w_row + n] (KByN only)",
        "misalignment; a format that is not multiplied; blocks in layout NByK; array range beyond the chip's");

    public static MatMul Operands<TVisitor>(ref TVisitor v, MatMul? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new(
        v.Scratch("a", i?.A, MemorySpace.Asp), v.Format("a_format", i?.AFormat), v.Dim("a_row", i?.ARowStride),
        v.Scratch("w", i?.W, MemorySpace.Wsp, MemorySpace.Asp), v.Weights("w_format", i?.WFormat), v.Dim("w_row", i?.WRowStride), v.Enum("layout", i?.Layout),
        v.Scratch("result", i?.Result, MemorySpace.Acc), v.Dim("result_row", i?.ResultRowStride),
        v.Dim("m", i?.M), v.Dim("k", i?.K), v.Dim("n", i?.N), v.Enum("mode", i?.Mode), v.Byte("array", i?.FirstArray), v.Byte("arrays", i?.ArrayCount));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long m = f.Value(M), k = f.Value(K), n = f.Value(N);
        if (m == 0 || n == 0)
        {
            return;
        }
        f.Block(A, k == 0 ? 0 : m, f.Value(ARowStride), k * AFormat.Size(), isWrite: false, 64);
        if (WFormat.Block is not null)
        {
            f.Block(W, FootprintBuilder<TSink>.RowBytes(WFormat, k), f.Value(WRowStride), n, isWrite: false, 64);
        }
        else if (Layout == PanelLayout.KByN)
        {
            f.Block(W, k, f.Value(WRowStride), n * WFormat.Element.Size(), isWrite: false, 64);
        }
        else
        {
            f.Block(W, k == 0 ? 0 : n, f.Value(WRowStride), k * WFormat.Element.Size(), isWrite: false, 64);
        }
        if (Mode == AccumulateMode.Add)
        {
            f.Block(Result, m, f.Value(ResultRowStride), n * 4, isWrite: false, 512);
        }
        f.Block(Result, m, f.Value(ResultRowStride), n * 4, isWrite: true, 512);
    }
}
