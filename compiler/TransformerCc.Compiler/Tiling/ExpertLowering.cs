using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Products with experts chosen by data: the id of each token's slot goes into a register of the sequencer, and only that
/// expert's panels are read. The panels of all experts are cut alike and lie at one distance from each other.
/// </summary>
internal static class ExpertLowering
{
    /// <summary>Tokens of a tile.</summary>
    private const long TileTokens = 32;

    public static void Lower(TilingContext context, Node node, ExpertLinear linear, int shrink)
    {
        TileBuilder builder = context.Builder;
        (Value x, Value ids) = (node.Inputs[0], node.Inputs[1]);
        Tensor weights = node.Inputs[2].ConstantData!;
        long experts = weights.Shape[0], columns = weights.Shape[1], depth = x.Type.Shape.Last.ConstantValue!.Value, slots = ids.Type.Shape[1].ConstantValue!.Value;
        // Rows of x for a token: one that all slots share, or one for each.
        long rowsOfToken = x.Type.Rank == 3 ? slots : 1, tile = long.Max(1, long.Min(TileTokens >> shrink, context.Bound(ids.Type.Shape[0])));
        ValuePlace source = context.Storage.Place(x), target = context.Storage.Place(node.Output), chosen = context.Storage.Place(ids);
        ElementType format = context.Storage.MatrixFormat;
        var geometry = PanelGeometry.Of(context, Matrix(node, linear));
        List<WeightPanel>[] panels = [.. Panels(context, geometry, experts)];
        long distance = experts > 1 ? panels[1][0].Offset - panels[0][0].Offset : 0;
        (long inStride, long outStride, int size) = (Lines.RoundUp(depth * format.Size()), Lines.RoundUp(columns * target.Format.Size()), target.Format.Size());
        long accumulatorStride = geometry.AccumulatorStride;
        DramTensor numbers = Numbers(context, node, experts);

        context.Tiles("tokens", ids.Type.Shape[0], tile, (t0, tokens) =>
        {
            context.SetSource("expert_linear", node);
            TileBuffer input = builder.Buffer("tokens", MemorySpace.Asp, inStride * tile * rowsOfToken), result = builder.Buffer("expert_result", MemorySpace.Asp, outStride * tile * slots);
            source.Rows(t0 * rowsOfToken * depth * source.Format.Size(), depth * source.Format.Size())
                .Read(builder, new StridedTile(input, DimExpr.Zero, format, new Extent3(DimExpr.Zero, inStride, format.Size())), new Extent3(DimExpr.One, tokens * rowsOfToken, depth));
            TileBuffer list = Ids(context, chosen, numbers, t0 * slots, tokens * slots, tile * slots, experts);
            TileBuffer? bias = linear.HasBias ? Bias(context, node, list, tokens * slots, tile * slots, experts, columns) : null;
            TileBuffer[] accumulators = [.. Enumerable.Range(0, columns > geometry.Columns ? 2 : 1).Select(_ => builder.Buffer("expert_acc", MemorySpace.Acc, accumulatorStride))];
            builder.Loop("token", tokens, token => builder.Loop("slot", slots, slot =>
            {
                DimExpr row = (token * slots) + slot, inputRow = rowsOfToken == 1 ? token : row;
                DimExpr expert = builder.LoadScalar("expert", new ScratchOperand(list, row * ElementType.I64.Size()), ElementType.I64, new DimInterval(0, experts - 1));
                foreach (WeightPanel panel in panels[0])
                {
                    TileBuffer accumulator = accumulators[panel.N0 / geometry.Columns % accumulators.Length], ring = context.NextSlot();
                    VectorTile sum = new(accumulator, DimExpr.Zero, accumulatorStride, ElementType.F32);
                    context.SetSource("expert_linear", node);
                    builder.LoadWeights(ring, panel, expert * distance);
                    builder.MatMul(new VectorTile(input, (inputRow * inStride) + (panel.K0 * format.Size()), inStride, format), new ScratchOperand(ring, DimExpr.Zero), geometry.Format, panel.RowStride, PanelLayout.KByN,
                        new ScratchOperand(accumulator, DimExpr.Zero), accumulatorStride, DimExpr.One, panel.Rows, panel.Columns, panel.K0 == 0 ? AccumulateMode.Init : AccumulateMode.Add, context.Chip.Matrix.Arrays);
                    if (panel.K0 + panel.Rows < depth)
                    {
                        continue;
                    }
                    context.SetSource("expert_linear/epilogue", node);
                    VectorTile place = new(result, (row * outStride) + (panel.N0 * size), outStride, target.Format);
                    if (bias is null)
                    {
                        builder.Unary(UnaryOp.Copy, place, sum, DimExpr.One, panel.Columns);
                    }
                    else
                    {
                        long stride = Lines.RoundUp(columns * sizeof(float));
                        builder.Binary(BinaryOp.Add, place, sum, new VectorTile(bias, (row * stride) + (panel.N0 * sizeof(float)), stride, ElementType.F32), DimExpr.One, panel.Columns);
                    }
                }
            }));
            context.SetSource("expert_linear/store", node);
            target.Rows(t0 * slots * columns * size, columns * size).Write(builder, new StridedTile(result, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, outStride, size)), new Extent3(DimExpr.One, tokens * slots, columns));
        });
    }

    /// <summary>The weights of the first expert.</summary>
    public static WeightMatrix Matrix(Node node, ExpertLinear linear) =>
        new(node.Inputs[2].ConstantData!, node.Inputs[0].Type.Shape.Last.ConstantValue!.Value, node.Inputs[2].ConstantData!.Shape[1], WeightLayout.NByK, linear.Weights);

    /// <summary>For each expert its panels, in the order of their use: blocks of columns outside, K inside.</summary>
    private static IEnumerable<List<WeightPanel>> Panels(TilingContext context, PanelGeometry geometry, long experts)
    {
        for (long expert = 0; expert < experts; expert++)
        {
            PanelGeometry own = geometry with { Weights = geometry.Weights with { FirstRow = expert * geometry.Weights.Columns } };
            yield return [.. own.Blocks().SelectMany(b => own.Panels(context.Builder.Program.Weights, b.First, b.Width))];
        }
    }

    /// <summary>The numbers 0 … experts − 1: rows to gather by id.</summary>
    private static DramTensor Numbers(TilingContext context, Node node, long experts)
    {
        Tensor numbers = TensorMath.FromLongs(ElementType.I64, [experts], [.. Enumerable.Range(0, checked((int)experts)).Select(i => (long)i)]);
        return new DramTensor($"{node.Output.Name}.experts", null, ElementType.I64, [experts]) { Blob = context.Builder.Program.Weights.Constant(numbers, ElementType.I64) };
    }

    /// <summary>The ids of a tile as i64 from 0 on. They become addresses: a gather by them traps where one is out of range.</summary>
    private static TileBuffer Ids(TilingContext context, ValuePlace chosen, DramTensor numbers, DimExpr first, DimExpr count, long capacity, long experts)
    {
        TileBuilder builder = context.Builder;
        (int size, int wide) = (chosen.Format.Size(), ElementType.I64.Size());
        TileBuffer list = builder.Buffer("chosen", MemorySpace.Asp, capacity * size), known = builder.Buffer("experts", MemorySpace.Asp, capacity * wide);
        chosen.Run(first * size).Read(builder, new StridedTile(list, DimExpr.Zero, chosen.Format, new Extent3(DimExpr.Zero, DimExpr.Zero, size)), new Extent3(DimExpr.One, DimExpr.One, count));
        builder.Gather(new VectorTile(known, DimExpr.Zero, wide, ElementType.I64), new StridedDram(numbers, DimExpr.Zero, new Extent3(DimExpr.Zero, wide, DimExpr.Zero)),
            experts, new ScratchOperand(list, DimExpr.Zero), chosen.Format, count, DimExpr.One);
        return known;
    }

    private static TileBuffer Bias(TilingContext context, Node node, TileBuffer list, DimExpr count, long capacity, long experts, long columns)
    {
        DramTensor table = context.Storage.Tensor(node.Inputs[3]);
        long stride = Lines.RoundUp(columns * sizeof(float));
        TileBuffer bias = context.Builder.Buffer("expert_bias", MemorySpace.Asp, stride * capacity);
        context.Builder.Gather(new VectorTile(bias, DimExpr.Zero, stride, ElementType.F32), new StridedDram(table, DimExpr.Zero, new Extent3(DimExpr.Zero, columns * table.Type.Size(), DimExpr.Zero)),
            experts, new ScratchOperand(list, DimExpr.Zero), ElementType.I64, count, columns);
        return bias;
    }
}
