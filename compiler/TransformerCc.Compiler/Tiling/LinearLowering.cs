using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A tile of rows times a constant weight: blocks of columns outside, panels of K inside, each panel one slot of the
/// weight ring. Bias, activation and residual are applied on the way out of the accumulators.
/// </summary>
internal static class LinearLowering
{
    public static void Lower(RowRegionLowering region, Node node, RowForm form, Linear linear)
    {
        TilingContext context = region.Context;
        WeightMatrix weights = Matrix(node.Inputs[1].ConstantData!, node.Inputs[0].Type.Shape.Last.ConstantValue!.Value, linear);
        Tile x = region.UseForMatrix(node, form, 0);
        VectorTile? bias = linear.HasBias ? region.Operand(node, form, 2) : null;
        VectorTile? residual = linear.HasResidual ? region.Operand(node, form, linear.HasBias ? 3 : 2) : null;
        Tile result = region.Define(node, form);
        var geometry = PanelGeometry.Of(context, weights);
        long accumulatorStride = geometry.AccumulatorStride;
        // Two blocks take turns, so that one is read out while the next is computed.
        TileBuffer[] accumulators = [.. Enumerable.Range(0, weights.Columns > geometry.Columns ? 2 : 1).Select(i => context.Builder.Buffer($"{node.Output.Name}.acc", MemorySpace.Acc, accumulatorStride * region.TileRows))];
        int turn = 0;
        foreach ((long n0, long width) in geometry.Blocks())
        {
            TileBuffer accumulator = accumulators[turn++ % accumulators.Length];
            context.SetSource("linear", node);
            foreach (WeightPanel panel in geometry.Panels(context.Builder.Program.Weights, n0, width))
            {
                TileBuffer slot = context.NextSlot();
                context.Builder.LoadWeights(slot, panel);
                context.Builder.MatMul(x.Operand(panel.K0), new ScratchOperand(slot, DimExpr.Zero), geometry.Format, panel.RowStride, PanelLayout.KByN,
                    new ScratchOperand(accumulator, DimExpr.Zero), accumulatorStride, region.Rows, panel.Rows, width, panel.K0 == 0 ? AccumulateMode.Init : AccumulateMode.Add, context.Chip.Matrix.Arrays);
            }
            context.SetSource("linear/epilogue", node);
            Epilogue(region, linear, new VectorTile(accumulator, DimExpr.Zero, accumulatorStride, ElementType.F32), result.Operand(n0), Shifted(bias, n0), Shifted(residual, n0), width);
        }
    }

    private static WeightMatrix Matrix(Tensor weights, long depth, Linear linear) =>
        new(weights, depth, weights.Shape[linear.Transposed ? 0 : 1], linear.Transposed ? WeightLayout.NByK : WeightLayout.KByN, linear.Weights);

    private static VectorTile? Shifted(VectorTile? tile, long column) => tile is null ? null : tile with { Offset = tile.Offset + (column * tile.Format.Size()) };

    private static void Epilogue(RowRegionLowering region, Linear linear, VectorTile accumulator, VectorTile result, VectorTile? bias, VectorTile? residual, long columns)
    {
        var steps = new List<Action<VectorTile>>();
        if (bias is not null)
        {
            steps.Add(dst => region.Builder.Binary(BinaryOp.Add, dst, accumulator, bias, region.Rows, columns));
        }
        if (linear.Activation is { } activation)
        {
            steps.Add(dst => region.Builder.Unary(activation, dst, accumulator, region.Rows, columns));
        }
        if (residual is not null)
        {
            steps.Add(dst => region.Builder.Binary(BinaryOp.Add, dst, accumulator, residual, region.Rows, columns));
        }
        if (steps.Count == 0)
        {
            steps.Add(dst => region.Builder.Unary(UnaryOp.Copy, dst, accumulator, region.Rows, columns));
        }
        // All but the last step stay in the accumulators.
        for (int i = 0; i < steps.Count; i++)
        {
            steps[i](i == steps.Count - 1 ? result : accumulator);
        }
    }
}
