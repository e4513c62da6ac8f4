using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Instructions;

/// <summary>The k largest or smallest elements of each row and where they stand: routers of experts, samplers.</summary>
/// <param name="Result">Receives the columns of the elements.</param>
public sealed record VectorTopK(VectorOperand Dst, VectorOperand Result, VectorOperand Src, Dim Rows, Dim Columns, Dim Count, bool Largest) : Instruction<VectorTopK>, IInstruction<VectorTopK>
{
    public static InstructionInfo Info { get; } = new(0x6C, "vtopk", Engine.Vector, "vector", "Finds the k largest or smallest elements of each row, best first, equal ones in ascending column.",
        "for i < rows: order the columns c by (src[i,c] descending, or ascending unless largest; then c ascending), NaN before all\n  for j < k: dst[i,j] = convert(src[i,c_j]);  result[i,j] = convert(c_j)\ncompared in 64-bit integers when src is integer or bool, else in f32", "k above columns");

    public static VectorTopK Operands<TVisitor>(ref TVisitor v, VectorTopK? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("result", i?.Result), v.Vector("src", i?.Src), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns), v.Dim("k", i?.Count),
            v.Byte("largest", i is null ? null : (byte)(i.Largest ? 1 : 0)) != 0);

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Src, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Count), isWrite: true);
        f.Vector(Result, f.Value(Rows), f.Value(Count), isWrite: true);
    }
}
