using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>Functions of one element. Numeric values are the encoding and never change.</summary>
public enum UnaryOp : byte
{
    /// <summary>Moves and converts the format; float to integer truncates towards zero and saturates.</summary>
    Copy = 0,
    Negate, Abs, Sign, Floor, Ceil,
    /// <summary>To nearest, ties to even.</summary>
    Round,
    Exp, Log, Sqrt, Rsqrt, Reciprocal, Erf, Tanh, Sigmoid,
    /// <summary>x · sigmoid(x).</summary>
    Silu,
    /// <summary>x/2 · (1 + erf(x/√2)).</summary>
    GeluErf,
    /// <summary>x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    GeluTanh,
    /// <summary>x · sigmoid(1.702·x).</summary>
    GeluQuick,
    Sin, Cos, Relu,
    /// <summary>cap · tanh(x / cap), cap is the parameter.</summary>
    SoftCap,
    /// <summary>Boolean: true where the element is zero.</summary>
    Not,
    /// <summary>x · parameter.</summary>
    Scale,
}

/// <summary>Functions of two elements. Integer formats compute in 64-bit integers, all others in f32.</summary>
public enum BinaryOp : byte
{
    Add = 0, Sub, Mul,
    /// <summary>Integers truncate towards zero.</summary>
    Div,
    Min, Max, Pow,
    /// <summary>Sign of the divisor (integers and floats).</summary>
    Mod,
    /// <summary>Sign of the dividend.</summary>
    Rem,
    And, Or, Xor,
    Equal = 16, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual,
}

public enum ReduceOp : byte { Sum = 0, Mean, Max, Min, Product, SumSquares, SumAbs, ArgMax, ArgMin }

public enum NormKind : byte
{
    /// <summary>(x − mean) / √(variance + ε).</summary>
    Layer = 0,
    /// <summary>x / √(mean(x²) + ε).</summary>
    Rms,
}

public enum RopeKind : byte
{
    /// <summary>Pairs (x[2i], x[2i+1]).</summary>
    Interleaved = 0,
    /// <summary>Pairs (x[i], x[i + d/2]).</summary>
    Half,
}

/// <summary>dst = f(src).</summary>
public sealed record VectorUnary(UnaryOp Op, VectorOperand Dst, VectorOperand Src, Dim Rows, Dim Columns, float Parameter = 0) : Instruction<VectorUnary>, IInstruction<VectorUnary>
{
    public static InstructionInfo Info { get; } = new(0x60, "vunary", Engine.Vector, "vector", "Applies a function to every element.",
        "for i < rows, c < columns: dst[i,c] = convert(op(src[i,c]))        copy between integer formats is exact modulo the width");

    public static VectorUnary Operands<TVisitor>(ref TVisitor v, VectorUnary? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("op", i?.Op), v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns), v.Float("parameter", i?.Parameter));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Src, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>dst = a op b; comparisons give booleans.</summary>
public sealed record VectorBinary(BinaryOp Op, VectorOperand Dst, VectorOperand A, VectorOperand B, Dim Rows, Dim Columns) : Instruction<VectorBinary>, IInstruction<VectorBinary>
{
    public static InstructionInfo Info { get; } = new(0x61, "vbinary", Engine.Vector, "vector", "Combines two operands element by element; strides of 0 broadcast.",
        "for i < rows, c < columns: dst[i,c] = convert(a[i,c] op b[i,c])        integers in 64 bits when both formats are integer or bool, else f32", "integer division by zero");

    public static VectorBinary Operands<TVisitor>(ref TVisitor v, VectorBinary? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("op", i?.Op), v.Vector("dst", i?.Dst), v.Vector("a", i?.A), v.Vector("b", i?.B), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(A, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(B, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>dst = condition ? a : b.</summary>
public sealed record VectorSelect(VectorOperand Dst, VectorOperand Condition, VectorOperand A, VectorOperand B, Dim Rows, Dim Columns) : Instruction<VectorSelect>, IInstruction<VectorSelect>
{
    public static InstructionInfo Info { get; } = new(0x62, "vselect", Engine.Vector, "vector", "Chooses between two operands by a condition.",
        "for i < rows, c < columns: dst[i,c] = convert(condition[i,c] != 0 ? a[i,c] : b[i,c])");

    public static VectorSelect Operands<TVisitor>(ref TVisitor v, VectorSelect? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("condition", i?.Condition), v.Vector("a", i?.A), v.Vector("b", i?.B), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Condition, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(A, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(B, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>dst = activation(gate) · up.</summary>
public sealed record VectorGated(UnaryOp Activation, VectorOperand Dst, VectorOperand Gate, VectorOperand Up, Dim Rows, Dim Columns) : Instruction<VectorGated>, IInstruction<VectorGated>
{
    public static InstructionInfo Info { get; } = new(0x63, "vgated", Engine.Vector, "vector", "Gated linear unit: SwiGLU, GeGLU.",
        "for i < rows, c < columns: dst[i,c] = convert(activation(gate[i,c]) * up[i,c])        both factors f32");

    public static VectorGated Operands<TVisitor>(ref TVisitor v, VectorGated? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("activation", i?.Activation), v.Vector("dst", i?.Dst), v.Vector("gate", i?.Gate), v.Vector("up", i?.Up), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Gate, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Up, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>dst[i, c] = start + i·row_step + c·column_step.</summary>
public sealed record VectorIota(VectorOperand Dst, Dim Rows, Dim Columns, Reg Start, Reg RowStep, Reg ColumnStep) : Instruction<VectorIota>, IInstruction<VectorIota>
{
    public static InstructionInfo Info { get; } = new(0x64, "viota", Engine.Vector, "vector", "Writes an arithmetic progression.",
        "for i < rows, c < columns: dst[i,c] = convert(S[start] + i*S[row_step] + c*S[column_step])        64-bit integers");

    public static VectorIota Operands<TVisitor>(ref TVisitor v, VectorIota? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns), v.Reg("start", i?.Start), v.Reg("row_step", i?.RowStep), v.Reg("column_step", i?.ColumnStep));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>One value per row.</summary>
public sealed record VectorReduce(ReduceOp Op, VectorOperand Dst, VectorOperand Src, Dim Rows, Dim Columns) : Instruction<VectorReduce>, IInstruction<VectorReduce>
{
    public static InstructionInfo Info { get; } = new(0x65, "vreduce", Engine.Vector, "vector", "Reduces each row to one value.",
        "for i < rows: dst[i,0] = convert(op over c < columns of src[i,c])\nsums: 16 lanes, element c into lane c mod 16 ascending, then a tree 8, 4, 2, 1; product the same way;\nargmax/argmin: the first of equal elements, NaN counts as extreme; integers in 64 bits");

    public static VectorReduce Operands<TVisitor>(ref TVisitor v, VectorReduce? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("op", i?.Op), v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Src, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), 1, isWrite: true);
    }
}

/// <summary>Layer or RMS normalisation of each row, with scale and optional shift rows in ASP.</summary>
public sealed record VectorNorm(NormKind Kind, VectorOperand Dst, VectorOperand Src, ScratchAddress Scale, ElementType ScaleFormat, bool HasShift, ScratchAddress Shift, ElementType ShiftFormat, float Epsilon, Dim Rows, Dim Columns)
    : Instruction<VectorNorm>, IInstruction<VectorNorm>
{
    public static InstructionInfo Info { get; } = new(0x66, "vnorm", Engine.Vector, "vector", "Normalises each row, then scales and shifts by rows held in ASP.",
        "for i < rows:\n  layer: mean = sum(x)/columns; v = sum((x-mean)^2)/columns; y = (x-mean) * (1/sqrt(v+eps))\n  rms:   y = x * (1/sqrt(sum(x*x)/columns + eps))\n  dst[i,c] = convert(fma(y, scale[c], shift[c]))  or  y*scale[c] without shift\nsums in 16 lanes and a tree; variance in two passes");

    public static VectorNorm Operands<TVisitor>(ref TVisitor v, VectorNorm? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("kind", i?.Kind), v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Scratch("scale", i?.Scale, MemorySpace.Asp), v.Format("scale_format", i?.ScaleFormat),
            v.Byte("has_shift", i is null ? null : (byte)(i.HasShift ? 1 : 0)) != 0, v.Scratch("shift", i?.Shift, MemorySpace.Asp), v.Format("shift_format", i?.ShiftFormat),
            v.Float("epsilon", i?.Epsilon), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), columns = f.Value(Columns);
        f.Vector(Src, rows, columns, isWrite: false);
        if (rows > 0)
        {
            f.Block(Scale, 1, 0, columns * ScaleFormat.Size(), isWrite: false, 64);
            if (HasShift)
            {
                f.Block(Shift, 1, 0, columns * ShiftFormat.Size(), isWrite: false, 64);
            }
        }
        f.Vector(Dst, rows, columns, isWrite: true);
    }
}

/// <summary>Rotary position embedding of every head of every row.</summary>
/// <param name="Heads">Heads per row; they follow each other without padding.</param>
/// <param name="HeadDim">Elements of one head.</param>
/// <param name="RotaryDim">Leading elements of each head that are rotated (even); the rest is copied.</param>
public sealed record VectorRope(RopeKind Kind, VectorOperand Dst, VectorOperand Src, ScratchAddress Cos, ScratchAddress Sin, Dim TableRowStride, ElementType TableFormat, Dim Rows, ushort Heads, ushort HeadDim, ushort RotaryDim)
    : Instruction<VectorRope>, IInstruction<VectorRope>
{
    public static InstructionInfo Info { get; } = new(0x67, "vrope", Engine.Vector, "vector", "Rotates pairs of each head by per-row angles.",
        "r = rotary; for i < rows, h < heads, j < r/2:\n  (p, q) = interleaved ? (2j, 2j+1) : (j, j + r/2)        within head h\n  dst[p] = fma(src[p], cos[i,j], -(src[q]*sin[i,j]));  dst[q] = fma(src[q], cos[i,j], src[p]*sin[i,j])\nelements r and above of each head are copied; cos and sin rows hold r/2 elements, in ASP", "odd rotary; rotary above head width");

    public static VectorRope Operands<TVisitor>(ref TVisitor v, VectorRope? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("kind", i?.Kind), v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Scratch("cos", i?.Cos, MemorySpace.Asp), v.Scratch("sin", i?.Sin, MemorySpace.Asp),
            v.Dim("table_row", i?.TableRowStride), v.Format("table_format", i?.TableFormat), v.Dim("rows", i?.Rows),
            v.UInt16("heads", i?.Heads), v.UInt16("head_dim", i?.HeadDim), v.UInt16("rotary", i?.RotaryDim));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), stride = f.Value(TableRowStride), tableRows = stride == 0 ? long.Min(rows, 1) : rows;
        f.Vector(Src, rows, (long)Heads * HeadDim, isWrite: false);
        f.Block(Cos, tableRows, stride, RotaryDim / 2 * TableFormat.Size(), isWrite: false, TableFormat.Size());
        f.Block(Sin, tableRows, stride, RotaryDim / 2 * TableFormat.Size(), isWrite: false, TableFormat.Size());
        f.Vector(Dst, rows, (long)Heads * HeadDim, isWrite: true);
    }
}

/// <summary>Softmax of each row.</summary>
public sealed record VectorSoftmax(VectorOperand Dst, VectorOperand Src, Dim Rows, Dim Columns) : Instruction<VectorSoftmax>, IInstruction<VectorSoftmax>
{
    public static InstructionInfo Info { get; } = new(0x68, "vsoftmax", Engine.Vector, "vector", "Softmax of each row, as IEEE arithmetic gives it (a row of -inf gives NaN).",
        "for i < rows: m = max(x); e[c] = exp(x[c] - m); s = sum(e); dst[i,c] = convert(e[c] / s)");

    public static VectorSoftmax Operands<TVisitor>(ref TVisitor v, VectorSoftmax? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Vector(Src, f.Value(Rows), f.Value(Columns), isWrite: false);
        f.Vector(Dst, f.Value(Rows), f.Value(Columns), isWrite: true);
    }
}

/// <summary>
/// One block of the online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): turns a block of
/// scores into unnormalised probabilities and updates the running maximum and sum of each row.
/// </summary>
/// <remarks>State: three f32 per row (maximum, sum, factor); the factor rescales what was accumulated before this block.</remarks>
public sealed record OnlineSoftmax(VectorOperand Dst, VectorOperand Scores, ScratchAddress State, Dim StateRowStride, AccumulateMode Mode, Dim Rows, Dim Columns, float Scale, Dim QueryRows, Reg LowLimit, Reg HighLimit, byte Slope)
    : Instruction<OnlineSoftmax>, IInstruction<OnlineSoftmax>
{
    public static InstructionInfo Info { get; } = new(0x69, "vonline", Engine.Vector, "vector", "One key block of attention's online softmax, with per-row limits.",
        "for i < rows:\n  q = i mod query_rows;  lo = max(0, S[low] + slope*q);  hi = min(columns, S[high] + slope*q)      slope 0 or 1 (causal, sliding window)\n  (m, l) = mode == Init ? (-inf, 0) : (state[i].m, state[i].l)\n  x[c] = scores[i,c]*scale for lo <= c < hi;  new = max(m, max x)      an empty range leaves new = m\n  f = (m == new) ? 1 : exp(m - new);  p[c] = new == -inf ? 0 : exp(x[c] - new) inside the limits, else 0\n  l = fma(l, f, sum(p));  state[i] = (new, l, f);  dst[i,c] = convert(p[c]) for all c < columns");

    public static OnlineSoftmax Operands<TVisitor>(ref TVisitor v, OnlineSoftmax? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("scores", i?.Scores), v.Scratch("state", i?.State, MemorySpace.Asp), v.Dim("state_row", i?.StateRowStride), v.Enum("mode", i?.Mode),
            v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns), v.Float("scale", i?.Scale), v.Dim("query_rows", i?.QueryRows), v.Reg("low", i?.LowLimit), v.Reg("high", i?.HighLimit), v.Byte("slope", i?.Slope));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), columns = f.Value(Columns);
        f.Vector(Scores, rows, columns, isWrite: false);
        if (Mode == AccumulateMode.Add)
        {
            f.Block(State, rows, f.Value(StateRowStride), 8, isWrite: false, 4);
        }
        f.Block(State, rows, f.Value(StateRowStride), 12, isWrite: true, 4);
        f.Vector(Dst, rows, columns, isWrite: true);
    }
}

/// <summary>Ends an online softmax: divides by the row sums; a row that attended to nothing gives 0.</summary>
public sealed record OnlineFinish(VectorOperand Dst, VectorOperand Src, ScratchAddress State, Dim StateRowStride, Dim Rows, Dim Columns) : Instruction<OnlineFinish>, IInstruction<OnlineFinish>
{
    public static InstructionInfo Info { get; } = new(0x6A, "vfinish", Engine.Vector, "vector", "Divides accumulated attention by the row sums.",
        "for i < rows, c < columns: dst[i,c] = convert(state[i].l == 0 ? 0 : src[i,c] / state[i].l)");

    public static OnlineFinish Operands<TVisitor>(ref TVisitor v, OnlineFinish? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Vector("dst", i?.Dst), v.Vector("src", i?.Src), v.Scratch("state", i?.State, MemorySpace.Asp), v.Dim("state_row", i?.StateRowStride), v.Dim("rows", i?.Rows), v.Dim("columns", i?.Columns));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        long rows = f.Value(Rows), columns = f.Value(Columns);
        f.Vector(Src, rows, columns, isWrite: false);
        f.Block(State, rows, f.Value(StateRowStride), 8, isWrite: false, 4);
        f.Vector(Dst, rows, columns, isWrite: true);
    }
}
