using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>What becomes of the element that a scatter finds. Numeric values are the encoding and never change.</summary>
public enum ScatterMode : byte
{
    Replace = 0,
    Add, Multiply, Min, Max,
}

/// <summary>Rows of ASP to rows of a DRAM table chosen by indices that lie in ASP: the append to a KV cache, scattered updates.</summary>
public sealed record Scatter(ScatterMode Mode, DramAddress Dst, ElementType DstFormat, Dim DstRowStride, Dim TableRows, ScratchAddress Src, ElementType SrcFormat, Dim SrcRowStride,
    ScratchAddress Indices, ElementType IndexFormat, Dim Rows, Dim Columns) : Instruction<Scatter>, IInstruction<Scatter>
{
    public static InstructionInfo Info { get; } = new(0x24, "scatter", Engine.DmaOut, "dma", "Writes rows to a DRAM table by index, or combines them with what is there.",
        "for i < rows, ascending:\n  r = ASP[indices + i*size(index_format)];  if r < 0: r += table_rows\n  trap unless 0 <= r < table_rows\n  for c < columns:\n    v = ASP[src + i*src_row + c*size];  t = DRAM[dst + r*dst_row + c*size]\n    DRAM[dst + r*dst_row + c*size] = convert(replace: v, else t op v)\nadd, multiply, min, max: 64-bit integers when both formats are integer or bool, else f32",
        "gather index out of range");

    public static Scatter Operands<TVisitor>(ref TVisitor v, Scatter? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("mode", i?.Mode), v.Dram("dst", i?.Dst), v.Format("dst_format", i?.DstFormat), v.Dim("dst_row", i?.DstRowStride), v.Dim("table_rows", i?.TableRows),
            v.Scratch("src", i?.Src, MemorySpace.Asp), v.Format("src_format", i?.SrcFormat), v.Dim("src_row", i?.SrcRowStride),
            v.Scratch("indices", i?.Indices, MemorySpace.Asp), v.Format("index_format", i?.IndexFormat), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    /// <summary>The whole table counts as written: which rows are is data.</summary>
    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), columns = f.Value(Columns);
        f.Block(Indices, 1, 0, rows * IndexFormat.Size(), isWrite: false, IndexFormat.Size());
        f.Block(Src, rows, f.Value(SrcRowStride), columns * SrcFormat.Size(), isWrite: false, SrcFormat.Size());
        if (rows > 0)
        {
            f.Dram(f.Value(Dst), f.Value(TableRows), f.Value(DstRowStride), columns * DstFormat.Size(), isWrite: true, DstFormat.Size());
        }
    }
}
