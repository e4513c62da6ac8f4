using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// Moves every load of weights up in its block to where its slot of the ring becomes free: beside the use of panel i
/// stands the load of panel i + slots. The sequencer then sends it long before a queue that is full (of an attention's
/// vector instructions, say) could hold it back, and the ring fills while the matrix engine waits for something else.
/// </summary>
/// <remarks>
/// Program order stays a legal sequential execution: a load stays behind the last use of its slot, behind the loops
/// that use the ring, behind what its address is computed from, and behind the loads before it.
/// </remarks>
public static class WeightPrefetch
{
    /// <summary>In front of the first node of a block.</summary>
    private const int Top = -1;

    public static void Run(TileProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        RingRounds.Run(program);
        Run(program.Body, [.. program.Ring]);
    }

    /// <summary>Moves the loads of a block and of the loops in it; tells whether it touches the ring.</summary>
    private static bool Run(TileBlock block, HashSet<TileBuffer> ring)
    {
        // Node n of the block is followed by the loads moved to behind it.
        var moved = new Dictionary<int, List<TileNode>>();
        var lastUse = new Dictionary<TileBuffer, int>();
        var defined = new Dictionary<string, int>(StringComparer.Ordinal);
        int earliest = Top;
        bool touches = false;
        for (int n = 0; n < block.Nodes.Count; n++)
        {
            switch (block.Nodes[n])
            {
                case TileLoop loop when Run(loop.Body, ring):
                    touches = true;
                    earliest = n;
                    break;
                case TileLet let:
                    defined[let.Name] = n;
                    break;
                case TileStatement { Engine: Engine.WeightDma } load:
                    touches = true;
                    earliest = int.Max(earliest, int.Max(lastUse.GetValueOrDefault(Slot(load), Top), Symbols(load).Max(s => (int?)defined.GetValueOrDefault(s, Top)) ?? Top));
                    (moved.TryGetValue(earliest, out List<TileNode>? list) ? list : moved[earliest] = []).Add(load);
                    break;
                case TileStatement statement:
                    foreach (NamedOperand operand in statement.Operands)
                    {
                        if (operand.Value is DefinitionOperand definition)
                        {
                            defined[definition.Name] = n;
                        }
                        else if (operand.Value is ScratchOperand place && ring.Contains(place.Buffer))
                        {
                            touches = true;
                            lastUse[place.Buffer] = n;
                        }
                    }
                    break;
            }
        }
        if (moved.Count > 0)
        {
            TileNode[] nodes = [.. block.Nodes];
            block.Nodes.Clear();
            for (int n = Top; n < nodes.Length; n++)
            {
                if (n > Top && nodes[n] is not TileStatement { Engine: Engine.WeightDma })
                {
                    block.Nodes.Add(nodes[n]);
                }
                block.Nodes.AddRange(moved.GetValueOrDefault(n) ?? []);
            }
        }
        return touches;
    }

    /// <summary>Of the ring, that a load fills.</summary>
    internal static TileBuffer Slot(TileStatement load) => ((ScratchOperand)load.Find("dst")!).Buffer;

    private static IEnumerable<string> Symbols(TileStatement load) => load.Operands.SelectMany(o => o.Value switch
    {
        PanelOperand p => p.Shift.Symbols,
        DimOperand d => d.Value.Symbols,
        _ => [],
    });
}
