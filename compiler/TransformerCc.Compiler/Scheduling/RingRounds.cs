using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// Deals the slots of the weight ring out anew in bodies of loops, so that every slot rests about as long between two
/// panels, across the end of an iteration too.
/// </summary>
/// <remarks>
/// Slots have semaphores of their own, so every iteration uses the same slots. 58 panels on 14 slots end two slots into a
/// turn: the next iteration's first panel would wait for the last but one of this, and the weight DMA had a lead of two
/// panels. Five turns of 12, 12, 12, 11 and 11 slots keep a lead of eleven everywhere. Loops inside count for nothing: where
/// tiles of rows have one, it mostly runs not at all.
/// </remarks>
internal static class RingRounds
{
    public static void Run(TileProgram program)
    {
        foreach (TileLoop loop in program.Body.Nodes.OfType<TileLoop>())
        {
            Run(loop.Body, program.Ring);
        }
    }

    private static void Run(TileBlock body, IReadOnlyList<TileBuffer> ring)
    {
        foreach (TileLoop loop in body.Nodes.OfType<TileLoop>())
        {
            Run(loop.Body, ring);
        }
        int panels = body.Nodes.Count(IsLoad);
        if (panels == 0)
        {
            return;
        }
        // A last turn over at least half of the slots leaves lead enough; what evenness would take from the others is worth more.
        bool even = panels > ring.Count && panels % ring.Count > 0 && panels % ring.Count < ring.Count / 2;
        int rounds = (panels + ring.Count - 1) / ring.Count, load = 0;
        var renamed = new Dictionary<TileBuffer, TileBuffer>();
        for (int n = 0; n < body.Nodes.Count; n++)
        {
            if (body.Nodes[n] is not TileStatement statement)
            {
                continue;
            }
            if (IsLoad(statement))
            {
                // Panel i is in round ⌊i · rounds / panels⌋, which begins with panel ⌈round · panels / rounds⌉.
                int round = (int)((long)load * rounds / panels), first = (int)((((long)round * panels) + rounds - 1) / rounds);
                renamed[WeightPrefetch.Slot(statement)] = ring[even ? load - first : load % ring.Count];
                load++;
            }
            body.Nodes[n] = statement.Replace(renamed);
        }
    }

    private static bool IsLoad(TileNode node) => node is TileStatement { Engine: Engine.WeightDma };
}
