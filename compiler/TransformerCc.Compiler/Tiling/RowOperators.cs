using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What each operator does with one tile of rows.</summary>
internal static class RowOperators
{
    /// <summary>Rows of a gather that is one of several, and how many there are at most.</summary>
    private const int GatheredRows = 32, MaxGathers = 4;

    public static void Lower(RowRegionLowering region, Node node, RowForm form)
    {
        TileBuilder builder = region.Builder;
        VectorTile Input(int i) => region.Operand(node, form, i);
        switch (node.Op)
        {
            case Unary unary:
                {
                    VectorTile x = Input(0);
                    builder.Unary(unary.Function, region.Define(node, form).Operand(), x, region.Rows, form.Columns, unary.Parameter);
                    break;
                }
            case Cast:
                {
                    VectorTile x = Input(0);
                    builder.Unary(UnaryOp.Copy, region.Define(node, form).Operand(), x, region.Rows, form.Columns);
                    break;
                }
            case Binary binary:
                {
                    (VectorTile a, VectorTile b) = (Input(0), Input(1));
                    builder.Binary(binary.Function, region.Define(node, form).Operand(), a, b, region.Rows, form.Columns);
                    break;
                }
            case GraphIR.Operators.Select:
                {
                    (VectorTile condition, VectorTile a, VectorTile b) = (Input(0), Input(1), Input(2));
                    builder.Select(region.Define(node, form).Operand(), condition, a, b, region.Rows, form.Columns);
                    break;
                }
            case Gated gated:
                {
                    (VectorTile gate, VectorTile up) = (Input(0), Input(1));
                    builder.Gated(gated.Activation, region.Define(node, form).Operand(), gate, up, region.Rows, form.Columns);
                    break;
                }
            case Norm norm:
                {
                    (VectorTile x, VectorTile scale) = (Input(0), Input(1));
                    VectorTile? shift = norm.HasShift ? Input(2) : null;
                    builder.Norm(norm.Kind, region.Define(node, form).Operand(), x, scale, shift, (float)norm.Epsilon, region.Rows, form.Columns);
                    break;
                }
            case Softmax:
                {
                    VectorTile x = Input(0);
                    builder.Softmax(region.Define(node, form).Operand(), x, region.Rows, form.Columns);
                    break;
                }
            case CumSum scan:
                {
                    VectorTile x = Input(0);
                    builder.Scan(region.Define(node, form).Operand(), x, region.Rows, form.Columns, scan.Exclusive, scan.Reverse);
                    break;
                }
            case TopK best:
                {
                    VectorTile x = region.Use(node, form, 0).Operand();
                    builder.TopK(region.Define(node, form).Operand(), region.Define(node, form, 1).Operand(), x, region.Rows, form.Operands[0].Columns, form.Columns, best.Largest);
                    break;
                }
            case Reduce reduce when reduce.Parts(node.Inputs[0].Type) is { } parts:
                LowerParts(region, node, form, reduce.Function, parts);
                break;
            case Reduce reduce:
                {
                    VectorTile x = region.Use(node, form, 0).Operand();
                    builder.Reduce(reduce.Function, region.Define(node, form).Operand(), x, region.Rows, form.Operands[0].Columns);
                    break;
                }
            case Rope rope:
                LowerRope(region, node, form, rope);
                break;
            case GraphIR.Operators.Gather:
                LowerGather(region, node, form);
                break;
            case Slice slice:
                LowerSlice(region, node, form, slice);
                break;
            case Concat:
                LowerConcat(region, node, form);
                break;
            default:
                throw new InvalidOperationException($"{node.Op.Name} has a row form but no lowering");
        }
    }

    /// <summary>Parts of a row combined element by element, in ascending order.</summary>
    private static void LowerParts(RowRegionLowering region, Node node, RowForm form, ReduceOp function, int parts)
    {
        Tile x = region.Use(node, form, 0);
        VectorTile result = region.Define(node, form).Operand();
        if (parts == 1)
        {
            region.Builder.Unary(UnaryOp.Copy, result, x.Operand(), region.Rows, form.Columns);
        }
        for (int i = 1; i < parts; i++)
        {
            region.Builder.Binary(Pairwise(function), result, i == 1 ? x.Operand() : result, x.Operand(i * form.Columns), region.Rows, form.Columns);
        }
    }

    private static BinaryOp Pairwise(ReduceOp function) => function switch
    {
        ReduceOp.Sum => BinaryOp.Add,
        ReduceOp.Product => BinaryOp.Mul,
        ReduceOp.Max => BinaryOp.Max,
        _ => BinaryOp.Min,
    };

    private static void LowerRope(RowRegionLowering region, Node node, RowForm form, Rope rope)
    {
        (long head, long width) = rope.Layout == HeadLayout.BSHD
            ? (node.Output.Type.Shape[2].ConstantValue!.Value, node.Output.Type.Shape[3].ConstantValue!.Value)
            : (1, node.Output.Type.Shape[3].ConstantValue!.Value);
        int rotary = checked((int)(2 * node.Inputs[1].Type.Shape.Last.ConstantValue!.Value));
        VectorTile x = region.Operand(node, form, 0);
        Tile cos = region.Use(node, form, 1), sin = region.Use(node, form, 2);
        region.Builder.Rope(rope.Kind, region.Define(node, form).Operand(), x, cos.Operand(), sin.Operand(), region.Rows, checked((int)head), checked((int)width), rotary);
    }

    private static void LowerGather(RowRegionLowering region, Node node, RowForm form)
    {
        DramTensor table = region.Table(node.Inputs[0]);
        WeightFormat format = ((GraphIR.Operators.Gather)node.Op).Rows is { } rows ? rows.Format : table.Type;
        // Single columns are packed, so the tile of indices is the list that the gather reads.
        Tile indices = region.Use(node, form, 1);
        DimExpr rowBytes = form.Columns.ConstantValue is { } columns ? format.RowBytes(columns) : form.Columns * table.Type.Size();
        VectorTile result = region.Define(node, form).Operand();
        // Transfers share the bandwidth evenly with those of the weights: several of them get more of it than one.
        foreach (RowStrip part in region.CutRows(GatheredRows, MaxGathers))
        {
            region.Builder.Gather(part.Of(result), new StridedDram(table, DimExpr.Zero, new Extent3(DimExpr.Zero, rowBytes, DimExpr.Zero)),
                node.Inputs[0].Type.Shape[0], new ScratchOperand(indices.Buffer, part.Of(indices).Offset), indices.Format, part.Rows, form.Columns, format);
        }
    }

    private static void LowerSlice(RowRegionLowering region, Node node, RowForm form, Slice slice)
    {
        int axis = RowForm.ContiguousAxis(slice, node.Inputs[0].Type)!.Value;
        DimExpr inner = DimExpr.Product(node.Output.Type.Shape.Skip(axis + 1));
        Tile source = region.Use(node, form, 0);
        CopyColumns(region, region.Define(node, form), DimExpr.Zero, source, slice.Starts[axis] * inner, form.Columns);
    }

    private static void LowerConcat(RowRegionLowering region, Node node, RowForm form)
    {
        Tile[] sources = [.. Enumerable.Range(0, node.Inputs.Count).Select(i => region.Use(node, form, i))];
        Tile result = region.Define(node, form);
        DimExpr column = DimExpr.Zero;
        foreach (Tile source in sources)
        {
            CopyColumns(region, result, column, source, DimExpr.Zero, source.Columns);
            column += source.Columns;
        }
    }

    private static void CopyColumns(RowRegionLowering region, Tile target, DimExpr targetColumn, Tile source, DimExpr sourceColumn, DimExpr columns) =>
        region.Builder.Copy(target.Box(targetColumn), source.Box(sourceColumn), new Extent3(DimExpr.One, region.Rows, columns));
}
