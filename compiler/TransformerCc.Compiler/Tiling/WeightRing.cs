using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// The ring of slots in WSP through which all weights stream. It is half of WSP; the other half is for keys and values.
/// What it holds beyond the panel in use is how long the weight DMA goes on while the matrix engine waits for something
/// else, so the slots are as large as makes them hold most of the model's panels: slots for 8 superblocks of 256 where the
/// weights have 16 of them along K, not slots for 7. After a pause the first panel is there the sooner the smaller it is,
/// because transfers in flight share the bandwidth; but no more loads should stand ahead of their products than can be in
/// flight or in the queue, or they would keep the sequencer from those products.
/// </summary>
internal static class WeightRing
{
    /// <summary>Each slot takes two of 255 semaphores.</summary>
    private const int MaxSlots = 64;

    private const int MinSlots = 4;

    /// <summary>Panels of few bytes make long programs.</summary>
    private const int MinSlotBytes = 64 << 10;

    /// <summary>The slots for a graph: the same for every program of a binary.</summary>
    public static ImmutableArray<TileBuffer> Of(Graph graph, ChipDescription chip, ElementType matrixFormat)
    {
        var weights = graph.Nodes.Select(Weights).Where(w => w.Times > 0).GroupBy(w => (w.Matrix!.Depth, w.Matrix.Columns, w.Matrix.PanelFormat(matrixFormat)))
            .Select(g => (g.First().Matrix!, Times: g.Sum(w => w.Times))).ToList();
        long half = chip.Memory.WspBytes / 2;
        int most = (int)long.Clamp(half / MinSlotBytes, MinSlots, int.Clamp(chip.Dma.Outstanding + chip.Dma.QueueDepth, MinSlots, MaxSlots));
        int slots = Enumerable.Range(MinSlots, most - MinSlots + 1).MaxBy(n => (Lead(weights, chip, matrixFormat, n, Bytes(n)), n));
        if (weights.Any(w => PanelGeometry.Find(chip, matrixFormat, Bytes(slots), w.Item1) is null))
        {
            throw DoesNotFit(graph, chip, matrixFormat, Bytes(MinSlots));
        }
        return [.. Enumerable.Range(0, slots).Select(i => new TileBuffer($"ring{i}", MemorySpace.Wsp, Bytes(slots)))];

        long Bytes(int n) => half / n / Lines.Bytes * Lines.Bytes;
    }

    /// <summary>The node that asks for the widest slot, where not even the fewest slots are wide enough.</summary>
    private static DiagnosticException DoesNotFit(Graph graph, ChipDescription chip, ElementType matrixFormat, long slotBytes)
    {
        (Node node, WeightMatrix matrix) = graph.Nodes.Select(n => (Node: n, Weights(n).Matrix)).Where(n => n.Matrix is not null).Select(n => (n.Node, n.Matrix!)).MaxBy(n => PanelGeometry.SmallestBytes(n.Item2, matrixFormat));
        long needed = PanelGeometry.SmallestBytes(matrix, matrixFormat), missing = (needed - slotBytes) * MinSlots * 2;
        return new(Diagnostic.Error(PanelGeometry.TooSmallCode, FormattableString.Invariant($"WSP of {chip.Memory.WspBytes} bytes is too small by {missing} bytes: half of it is the weight ring of {MinSlots} slots, each for {needed} bytes, {Lines.Bytes} columns of {matrix.PanelFormat(matrixFormat)}"),
            $"{node.Op.Name} {string.Join(", ", node.Sources)}", "choose a chip with a larger weight scratchpad, or a format with shorter blocks"), FailureKind.DoesNotFit);
    }

    /// <summary>Bytes of weights that a ring holds on average beside the panel in use.</summary>
    private static double Lead(IReadOnlyList<(WeightMatrix Matrix, long Times)> weights, ChipDescription chip, ElementType matrixFormat, int slots, long slotBytes)
    {
        double bytes = 0, panels = 0;
        foreach ((WeightMatrix matrix, long times) in weights)
        {
            if (PanelGeometry.Find(chip, matrixFormat, slotBytes, matrix) is not { } geometry)
            {
                return 0;
            }
            panels += (double)times * geometry.PanelCount;
            bytes += (double)times * geometry.TotalBytes;
        }
        return panels == 0 ? 0 : (slots - 1) * bytes / panels;
    }

    /// <summary>The weights of a node, and how often a pass over the tokens reads matrices like it.</summary>
    private static (WeightMatrix? Matrix, long Times) Weights(Node node) => node.Op switch
    {
        Linear linear when node.Inputs[1].IsConstant => (LinearLowering.Matrix(node, linear), 1),
        ExpertLinear linear when node.Inputs[2].IsConstant => (ExpertLowering.Matrix(node, linear), node.Inputs[1].Type.Shape.Last.ConstantValue ?? 1),
        _ => (null, 0),
    };
}
