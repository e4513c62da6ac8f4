using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Caches of which every reader sees a window only become circular where that is smaller: they keep the window and what
/// one run appends, in whole blocks. It needs runs that are shorter than the context (<c>--bind length=..N</c>).
/// </summary>
public sealed class WindowCaches : IGraphPass
{
    public const string CircularCode = "TCC2110";

    public string Name => "window-caches";

    public void Run(Graph graph, PassContext context)
    {
        Dictionary<Value, List<Node>> uses = graph.Uses();
        var slots = new Dictionary<GraphState, long>();
        foreach (GraphState state in graph.States)
        {
            if (Slots(graph, state, uses.GetValueOrDefault(state.Next, [])) is { } fewer)
            {
                slots.Add(state, fewer);
            }
        }
        // Keys and values that are read together turn together.
        while (slots.Keys.FirstOrDefault(s => !Readers(s).All(r => Caches(graph, r).All(c => slots.GetValueOrDefault(c) == slots[s]))) is { } alone)
        {
            slots.Remove(alone);
        }
        foreach ((GraphState state, long count) in slots)
        {
            Node append = state.Next.Producer!;
            EquatableArray<DimExpr> shape = state.Input.Type.Shape;
            append.Op = (CacheAppend)append.Op with { Circular = true, Positions = shape[2] };
            state.Input.Type = state.Next.Type = state.Input.Type with { Shape = [shape[0], shape[1], count, shape[3]] };
            foreach (Node reader in Readers(state))
            {
                reader.Op = (CachedAttention)reader.Op with { Circular = true };
            }
            context.CountRewrite();
        }
        if (slots.Count > 0)
        {
            string sizes = string.Join(", ", slots.Values.Distinct().Order());
            context.Diagnostics.Add(Diagnostic.Note(CircularCode, FormattableString.Invariant($"{slots.Count} caches are circular, of {sizes} positions: the layers they belong to see a window"), null, "runs are as short as --bind length=..N says"));
        }

        IEnumerable<Node> Readers(GraphState state) => uses.GetValueOrDefault(state.Next, []);
    }

    private static IEnumerable<GraphState> Caches(Graph graph, Node reader) => graph.States.Where(s => reader.Inputs.Contains(s.Next));

    /// <summary>Slots of a circular cache in place of this one; null where it would not be smaller, or a reader sees everything.</summary>
    private static long? Slots(Graph graph, GraphState state, List<Node> readers)
    {
        Node append = state.Next.Producer!;
        if (((CacheAppend)append.Op).Circular || readers.Count == 0 || readers.Exists(r => r.Op is not CachedAttention { Window: > 0 }))
        {
            return null;
        }
        long window = readers.Max(r => ((CachedAttention)r.Op).Window);
        DimExpr length = ((CacheAppend)append.Op).New.Split(append.Inputs[1].Type.Shape.AsSpan()).Sequence;
        DimExpr slots = DimExpr.CeilDiv(window - 1 + length.Bounds(graph.Dimensions).Upper, CacheAppend.SlotMultiple) * CacheAppend.SlotMultiple;
        return slots.ConstantValue is { } count && count < state.Input.Type.Shape[2].Bounds(graph.Dimensions).Upper ? count : null;
    }
}
