using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What an iteration of a loop of layers begins with: where its weights and tensors lie.</summary>
internal static class LayerPrologue
{
    /// <summary>The definitions that the statements of the loop's body need, in the order of first use.</summary>
    public static IEnumerable<TileNode> Of(TileBlock body, DimExpr layer)
    {
        var defined = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (TileOperand operand in Statements(body).SelectMany(s => s.Operands).Select(o => o.Value))
        {
            if (operand is DramOperand { Tensor.Members.Length: > 0 } own && defined.Add(own.Tensor))
            {
                yield return new TileAddress(own.Tensor, layer);
            }
            LayerSegment? segment = operand switch { PanelOperand p => p.Panel.Segment, DramOperand d => d.Tensor.Blob?.Segment, _ => null };
            if (segment is not null && defined.Add(segment))
            {
                yield return new TileLet(segment.Symbol, layer * segment.Stride);
            }
        }
    }

    private static IEnumerable<TileStatement> Statements(TileBlock block) =>
        block.Nodes.SelectMany(n => n switch { TileStatement s => [s], TileLoop l => Statements(l.Body), _ => [] });
}
