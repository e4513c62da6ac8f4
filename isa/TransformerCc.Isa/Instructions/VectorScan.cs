using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Instructions;

/// <summary>Running sums along each row.</summary>
/// <param name="Exclusive">Each result leaves out the element itself.</param>
/// <param name="Reverse">From the end of the row to its start.</param>
public sealed record VectorScan(VectorOperand Dst, VectorOperand Src, Dim Rows, Dim Columns, bool Exclusive, bool Reverse) : Instruction<VectorScan>, IInstruction<VectorScan>
{
    public static InstructionInfo Info { get; } = new(0x6B, "vscan", Engine.Vector, "vector", "Writes the running sums of each row.",
        "for i < rows:\n  s = 0;  for c < columns, ascending, or descending if reverse:\n    exclusive: dst[i,c] = convert(s);  s = s + src[i,c]\n    else:      s = s + src[i,c];  dst[i,c] = convert(s)\nintegers and bool in 64 bits, else f32");

    public static VectorScan Operands<TVisitor>(ref TVisitor v, VectorScan? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns),
            v.Byte("exclusive", i is null ? null : (byte)(i.Exclusive ? 1 : 0)) != 0, v.Byte("reverse", i is null ? null : (byte)(i.Reverse ? 1 : 0)) != 0);

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Src, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}
