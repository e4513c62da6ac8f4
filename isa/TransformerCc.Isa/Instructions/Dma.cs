using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>Three nested counts or strides, outermost first. Strides are in bytes.</summary>
public readonly record struct Dim3(Dim Outer, Dim Middle, Dim Inner)
{
    public static Dim3 Operands<TVisitor>(ref TVisitor v, string name, Dim3? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Dim(name + "_outer", i?.Outer), v.Dim(name + "_middle", i?.Middle), v.Dim(name + "_inner", i?.Inner));
}

/// <summary>One panel of the weight stream into a slot of the ring.</summary>
public sealed record LoadWeights(ScratchAddress Dst, DramAddress Src, Dim Bytes) : Instruction<LoadWeights>, IInstruction<LoadWeights>
{
    public static InstructionInfo Info { get; } = new(0x20, "loadw", Engine.WeightDma, "dma", "Copies a contiguous weight panel from DRAM to WSP.",
        "WSP[dst : dst + bytes] = DRAM[src : src + bytes]", "misalignment (64 bytes)");

    public static LoadWeights Operands<TVisitor>(ref TVisitor v, LoadWeights? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Scratch("dst", i?.Dst, MemorySpace.Wsp), v.Dram("src", i?.Src), v.Dim("bytes", i?.Bytes));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long bytes = f.Value(Bytes);
        f.Dram(f.Value(Src), 1, 0, bytes, isWrite: false, 64);
        f.Block(Dst, 1, 0, bytes, isWrite: true, 64);
    }
}

/// <summary>A strided block of up to three dimensions from DRAM into ASP or WSP, converting the format.</summary>
public sealed record Load(ScratchAddress Dst, ElementType DstFormat, DramAddress Src, ElementType SrcFormat, Dim3 Count, Dim3 SrcStride, Dim DstOuterStride, Dim DstMiddleStride, Dim DstInnerStride)
    : Instruction<Load>, IInstruction<Load>
{
    public static InstructionInfo Info { get; } = new(0x21, "load", Engine.DmaIn, "dma", "Moves a strided block from DRAM into ASP or WSP, converting the format.",
        "for a < count.outer, b < count.middle, c < count.inner:\n  scratch[dst + a*dst.outer + b*dst.middle + c*dst.inner] = convert(DRAM[src + a*src.outer + b*src.middle + c*src.inner])\nstrides in bytes; rounding to nearest even; a zero count moves nothing",
        "misalignment (element)");

    public static Load Operands<TVisitor>(ref TVisitor v, Load? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Scratch("dst", i?.Dst, MemorySpace.Asp, MemorySpace.Wsp), v.Format("dst_format", i?.DstFormat), v.Dram("src", i?.Src), v.Format("src_format", i?.SrcFormat),
            Dim3.Operands(ref v, "count", i?.Count), Dim3.Operands(ref v, "src", i?.SrcStride),
            v.Dim("dst_outer", i?.DstOuterStride), v.Dim("dst_middle", i?.DstMiddleStride), v.Dim("dst_inner", i?.DstInnerStride));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        StridedBlock.Report(ref sink, MemorySpace.Dram, f.Value(Src), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(SrcStride.Outer), f.Value(SrcStride.Middle), f.Value(SrcStride.Inner), SrcFormat.Size(), isWrite: false);
        StridedBlock.Report(ref sink, Dst.Space, f.Value(Dst), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(DstOuterStride), f.Value(DstMiddleStride), f.Value(DstInnerStride), DstFormat.Size(), isWrite: true);
    }
}

/// <summary>A strided block of up to three dimensions from ASP to DRAM, converting the format.</summary>
public sealed record Store(DramAddress Dst, ElementType DstFormat, ScratchAddress Src, ElementType SrcFormat, Dim3 Count, Dim3 DstStride, Dim SrcOuterStride, Dim SrcMiddleStride, Dim SrcInnerStride)
    : Instruction<Store>, IInstruction<Store>
{
    public static InstructionInfo Info { get; } = new(0x22, "store", Engine.DmaOut, "dma", "Moves a strided block from ASP to DRAM, converting the format.",
        "for a < count.outer, b < count.middle, c < count.inner:\n  DRAM[dst + a*dst.outer + b*dst.middle + c*dst.inner] = convert(ASP[src + a*src.outer + b*src.middle + c*src.inner])\nstrides in bytes; rounding to nearest even; a zero count moves nothing",
        "misalignment (element)");

    public static Store Operands<TVisitor>(ref TVisitor v, Store? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Dram("dst", i?.Dst), v.Format("dst_format", i?.DstFormat), v.Scratch("src", i?.Src, MemorySpace.Asp), v.Format("src_format", i?.SrcFormat),
            Dim3.Operands(ref v, "count", i?.Count), Dim3.Operands(ref v, "dst", i?.DstStride),
            v.Dim("src_outer", i?.SrcOuterStride), v.Dim("src_middle", i?.SrcMiddleStride), v.Dim("src_inner", i?.SrcInnerStride));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        StridedBlock.Report(ref sink, Src.Space, f.Value(Src), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(SrcOuterStride), f.Value(SrcMiddleStride), f.Value(SrcInnerStride), SrcFormat.Size(), isWrite: false);
        StridedBlock.Report(ref sink, MemorySpace.Dram, f.Value(Dst), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(DstStride.Outer), f.Value(DstStride.Middle), f.Value(DstStride.Inner), DstFormat.Size(), isWrite: true);
    }
}

/// <summary>Rows of a DRAM table chosen by indices that lie in ASP.</summary>
/// <remarks>Embedding look-up, and any gather along the leading axis of a table. The table's row count bounds the indices.</remarks>
public sealed record Gather(ScratchAddress Dst, ElementType DstFormat, Dim DstRowStride, DramAddress Table, WeightFormat TableFormat, Dim TableRowStride, Dim TableRows,
    ScratchAddress Indices, ElementType IndexFormat, Dim Rows, Dim Columns) : Instruction<Gather>, IInstruction<Gather>
{
    public static InstructionInfo Info { get; } = new(0x23, "gather", Engine.DmaIn, "dma", "Fetches table rows from DRAM by index.",
        "for i < rows:\n  r = ASP[indices + i*size(index_format)];  if r < 0: r += table_rows\n  trap unless 0 <= r < table_rows\n  for c < columns: ASP[dst + i*dst_row + c*size] = convert(DRAM[table + r*table_row + c*size])\na row in blocks: element c is decoded from block c / block_length, scale * code - minimum, both rounded to f32",
        "gather index out of range");

    public static Gather Operands<TVisitor>(ref TVisitor v, Gather? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Scratch("dst", i?.Dst, MemorySpace.Asp), v.Format("dst_format", i?.DstFormat), v.Dim("dst_row", i?.DstRowStride),
            v.Dram("table", i?.Table), v.Weights("table_format", i?.TableFormat), v.Dim("table_row", i?.TableRowStride), v.Dim("table_rows", i?.TableRows),
            v.Scratch("indices", i?.Indices, MemorySpace.Asp), v.Format("index_format", i?.IndexFormat), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    /// <summary>The whole table counts as read: which rows are is data.</summary>
    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), columns = f.Value(Columns);
        f.Block(Indices, 1, 0, rows * IndexFormat.Size(), isWrite: false, IndexFormat.Size());
        if (rows > 0)
        {
            f.Dram(f.Value(Table), f.Value(TableRows), f.Value(TableRowStride), FootprintBuilder<TSink>.RowBytes(TableFormat, columns), isWrite: false, TableFormat.Block is null ? TableFormat.Element.Size() : 1);
        }
        f.Block(Dst, rows, f.Value(DstRowStride), columns * DstFormat.Size(), isWrite: true, DstFormat.Size());
    }
}

/// <summary>Every element of a rectangle gets one bit pattern.</summary>
public sealed record Fill(ScratchAddress Dst, ElementType Format, Dim RowStride, Dim Rows, Dim Columns, Reg Value) : Instruction<Fill>, IInstruction<Fill>
{
    public static InstructionInfo Info { get; } = new(0x28, "fill", Engine.Copy, "dma", "Writes one bit pattern to every element of a rectangle.",
        "for i < rows, c < columns: scratch[dst + i*row + c*size(format)] = low bits of S[value]");

    public static Fill Operands<TVisitor>(ref TVisitor v, Fill? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Scratch("dst", i?.Dst, MemorySpace.Asp, MemorySpace.Acc, MemorySpace.Wsp), v.Format("format", i?.Format), v.Dim("row", i?.RowStride), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns), v.Reg("value", i?.Value));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Block(Dst, f.Value(Rows), f.Value(RowStride), f.Value(Columns) * Format.Size(), isWrite: true, Format.Size());
    }
}

/// <summary>A strided block of up to three dimensions between scratchpads; strides permute, so it transposes too.</summary>
public sealed record Copy(ScratchAddress Dst, ElementType DstFormat, ScratchAddress Src, ElementType SrcFormat, Dim3 Count, Dim3 DstStride, Dim3 SrcStride) : Instruction<Copy>, IInstruction<Copy>
{
    public static InstructionInfo Info { get; } = new(0x29, "copy", Engine.Copy, "dma", "Moves a strided block between scratchpads; unequal strides transpose.",
        "for a < count.outer, b < count.middle, c < count.inner:\n  scratch[dst + a*dst.outer + b*dst.middle + c*dst.inner] = convert(scratch[src + a*src.outer + b*src.middle + c*src.inner])\nstrides in bytes; source and destination must not overlap",
        "misalignment (element)");

    public static Copy Operands<TVisitor>(ref TVisitor v, Copy? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Scratch("dst", i?.Dst, MemorySpace.Asp, MemorySpace.Wsp), v.Format("dst_format", i?.DstFormat), v.Scratch("src", i?.Src, MemorySpace.Asp, MemorySpace.Wsp), v.Format("src_format", i?.SrcFormat),
            Dim3.Operands(ref v, "count", i?.Count), Dim3.Operands(ref v, "dst", i?.DstStride), Dim3.Operands(ref v, "src", i?.SrcStride));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        StridedBlock.Report(ref sink, Src.Space, f.Value(Src), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(SrcStride.Outer), f.Value(SrcStride.Middle), f.Value(SrcStride.Inner), SrcFormat.Size(), isWrite: false);
        StridedBlock.Report(ref sink, Dst.Space, f.Value(Dst), f.Value(Count.Outer), f.Value(Count.Middle), f.Value(Count.Inner),
            f.Value(DstStride.Outer), f.Value(DstStride.Middle), f.Value(DstStride.Inner), DstFormat.Size(), isWrite: true);
    }
}

internal static class StridedBlock
{
    /// <summary>Splits a three-dimensional block into rectangles of contiguous rows.</summary>
    public static void Report<TSink>(ref TSink sink, MemorySpace space, long address, long outer, long middle, long inner, long outerStride, long middleStride, long innerStride, int size, bool isWrite)
        where TSink : struct, IAccessSink
    {
        if (outer < 0 || middle < 0 || inner < 0)
        {
            sink.Access(space, address, -1, 0, 0, isWrite, size);
            return;
        }
        if (outer == 0 || middle == 0 || inner == 0)
        {
            return;
        }
        for (long a = 0; a < outer; a++)
        {
            long start = unchecked(address + (a * outerStride));
            if (innerStride == size)
            {
                sink.Access(space, start, middle, middleStride, inner * size, isWrite, size);
                continue;
            }
            for (long b = 0; b < middle; b++)
            {
                sink.Access(space, unchecked(start + (b * middleStride)), inner, innerStride, size, isWrite, size);
            }
        }
    }
}
