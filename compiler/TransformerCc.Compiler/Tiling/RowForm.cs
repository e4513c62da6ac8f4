using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>How an operand meets the rows of an operator.</summary>
internal enum RowOperandKind
{
    /// <summary>One row of the operand for each row.</summary>
    Full,
    /// <summary>Repeated along some of the row dimensions: <see cref="RowOperand.Repeated"/> says which.</summary>
    Partial,
    /// <summary>The same for every row: a bias, a scale.</summary>
    Invariant,
    /// <summary>Not read by rows: the table of a gather, the weights of a linear.</summary>
    Whole,
}

/// <param name="Columns">Elements per row; 1 when repeated along the columns.</param>
/// <param name="Repeated">For each row dimension, whether the operand is repeated along it.</param>
internal sealed record RowOperand(RowOperandKind Kind, DimExpr Columns, EquatableArray<bool> Repeated = default);

/// <summary>
/// An operator seen as independent rows: the leading dimensions of its result number the rows, each operand gives each
/// row some columns. Operators in this form over the same rows can share a loop over row tiles.
/// </summary>
/// <param name="RowDims">Their product is the number of rows.</param>
/// <param name="Columns">Elements of a result row.</param>
internal sealed record RowForm(EquatableArray<DimExpr> RowDims, DimExpr Columns, IReadOnlyList<RowOperand> Operands)
{
    public DimExpr Rows => DimExpr.Product(RowDims);

    /// <summary>
    /// The form of a node, or null when the operator does not work by rows. <paramref name="rows"/> asks for a given
    /// number of rows where the operator leaves a choice; without it rows are all dimensions but the last.
    /// </summary>
    public static RowForm? Of(Node node, DimExpr? rows)
    {
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        TensorType Input(int i) => node.Inputs[i].Type;
        switch (node.Op)
        {
            case Unary or Binary or GraphIR.Operators.Select or Cast or Gated:
                return Elementwise(node, shape, rows);
            case Linear linear:
                {
                    int split = shape.Count - 1;
                    var operands = new List<RowOperand> { new(RowOperandKind.Full, Input(0).Shape.Last), new(RowOperandKind.Whole, shape.Last) };
                    if (linear.HasBias)
                    {
                        operands.Add(new(RowOperandKind.Invariant, shape.Last));
                    }
                    if (linear.HasResidual)
                    {
                        operands.Add(new(RowOperandKind.Full, shape.Last));
                    }
                    return new RowForm(Leading(shape, split), shape.Last, operands);
                }
            case Norm norm:
                return new RowForm(Leading(shape, shape.Count - 1), shape.Last,
                    [new(RowOperandKind.Full, shape.Last), .. Enumerable.Repeat(new RowOperand(RowOperandKind.Invariant, shape.Last), norm.HasShift ? 2 : 1)]);
            case Softmax softmax when softmax.Axis == shape.Count - 1:
                return new RowForm(Leading(shape, shape.Count - 1), shape.Last, [new(RowOperandKind.Full, shape.Last)]);
            case CumSum scan when scan.Axis == shape.Count - 1:
                return new RowForm(Leading(shape, shape.Count - 1), shape.Last, [new(RowOperandKind.Full, shape.Last)]);
            case TopK:
                return new RowForm(Leading(shape, shape.Count - 1), shape.Last, [new(RowOperandKind.Full, Input(0).Shape.Last)]);
            case Reduce reduce when IsTrailing(reduce.Axes, Input(0).Rank):
                {
                    int split = Input(0).Rank - reduce.Axes.Count;
                    return new RowForm(Leading(Input(0).Shape, split), DimExpr.One, [new(RowOperandKind.Full, Trailing(Input(0).Shape, split))]);
                }
            case Reduce reduce when reduce.Parts(Input(0)) is not null:
                {
                    int axis = (int)reduce.Axes[0];
                    return new RowForm(Leading(Input(0).Shape, axis), Trailing(Input(0).Shape, axis + 1), [new(RowOperandKind.Full, Trailing(Input(0).Shape, axis))]);
                }
            case Rope rope:
                {
                    int split = rope.Layout == HeadLayout.BSHD ? 2 : 3;
                    EquatableArray<DimExpr> rowDims = Leading(shape, split);
                    DimExpr columns = Trailing(shape, split);
                    var operands = new List<RowOperand> { new(RowOperandKind.Full, columns) };
                    foreach (int table in new[] { 1, 2 })
                    {
                        // A table is [sequence, r/2] or [batch, sequence, r/2]: heads repeat it.
                        EquatableArray<DimExpr> t = Input(table).Shape;
                        DimExpr[] aligned = [t.Count == 3 ? t[0] : DimExpr.One, .. split == 3 ? [DimExpr.One] : Array.Empty<DimExpr>(), t[t.Count - 2]];
                        operands.Add(Repetition(aligned.ToEquatableArray(), rowDims, t.Last));
                    }
                    return new RowForm(rowDims, columns, operands);
                }
            case Gather gather when gather.Axis == 0:
                {
                    DimExpr columns = Trailing(shape, Input(1).Rank);
                    return new RowForm(Input(1).Shape, columns, [new(RowOperandKind.Whole, columns), new(RowOperandKind.Full, DimExpr.One)]);
                }
            case Slice slice when ContiguousAxis(slice, Input(0)) is { } axis:
                return new RowForm(Leading(shape, axis), Trailing(shape, axis), [new(RowOperandKind.Full, Trailing(Input(0).Shape, axis))]);
            case Concat concat:
                return new RowForm(Leading(shape, concat.Axis), Trailing(shape, concat.Axis), [.. node.Inputs.Select(i => new RowOperand(RowOperandKind.Full, Trailing(i.Type.Shape, concat.Axis)))]);
            default:
                return null;
        }
    }

    /// <summary>The single axis that a slice cuts, with step 1; null when it cuts several or strides.</summary>
    public static int? ContiguousAxis(Slice slice, TensorType input)
    {
        int[] cut = [.. Enumerable.Range(0, input.Rank).Where(a => !slice.Starts[a].Is(0) || slice.Sizes[a] != input.Shape[a])];
        return cut.Length == 1 && slice.Steps[cut[0]] == 1 ? cut[0] : null;
    }

    private static RowForm? Elementwise(Node node, EquatableArray<DimExpr> shape, DimExpr? rows)
    {
        // Fewer row dimensions make longer rows; every operand must be whole or a single element along all columns.
        IEnumerable<int> splits = rows is null
            ? Enumerable.Range(0, shape.Count + 1).Reverse().Skip(shape.Count == 0 ? 0 : 1).Append(shape.Count)
            : Enumerable.Range(0, shape.Count + 1).Where(k => DimExpr.Product(shape.Take(k)) == rows);
        foreach (int split in splits)
        {
            RowOperand?[] operands = [.. node.Inputs.Select(i => ElementwiseOperand(i.Type.Shape, shape, split))];
            if (!operands.Contains(null))
            {
                return new RowForm(Leading(shape, split), Trailing(shape, split), operands!);
            }
        }
        return null;
    }

    private static RowOperand? ElementwiseOperand(EquatableArray<DimExpr> operand, EquatableArray<DimExpr> shape, int split)
    {
        DimExpr[] aligned = [.. Enumerable.Repeat(DimExpr.One, shape.Count - operand.Count), .. operand];
        bool whole = aligned.Skip(split).SequenceEqual(shape.Skip(split));
        bool single = aligned.Skip(split).All(d => d.Is(1));
        if (!whole && !single)
        {
            return null;
        }
        return Repetition(aligned.Take(split).ToEquatableArray(), Leading(shape, split), whole ? Trailing(shape, split) : DimExpr.One);
    }

    private static RowOperand Repetition(EquatableArray<DimExpr> operand, EquatableArray<DimExpr> rowDims, DimExpr columns)
    {
        var repeated = operand.Select((d, i) => d.Is(1) && !rowDims[i].Is(1)).ToEquatableArray();
        if (!repeated.Contains(true))
        {
            return new RowOperand(RowOperandKind.Full, columns);
        }
        bool all = Enumerable.Range(0, rowDims.Count).All(i => repeated[i] || rowDims[i].Is(1));
        return new RowOperand(all ? RowOperandKind.Invariant : RowOperandKind.Partial, columns, repeated);
    }

    private static bool IsTrailing(EquatableArray<long> axes, int rank) => axes.Order().SequenceEqual(Enumerable.Range(rank - axes.Count, axes.Count).Select(a => (long)a));

    private static EquatableArray<DimExpr> Leading(EquatableArray<DimExpr> shape, int count) => shape.Take(count).ToEquatableArray();

    private static DimExpr Trailing(EquatableArray<DimExpr> shape, int from) => DimExpr.Product(shape.Skip(from));
}
