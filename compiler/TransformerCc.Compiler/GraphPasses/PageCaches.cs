using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Makes caches pools of pages that all sequences share; circular ones stay, they are small. One table, an input of the
/// program, says for all of them which pages a sequence has. As many pages as all sequences can fill, unless the
/// dimension "pages" says otherwise.
/// </summary>
/// <param name="positions">Of a page: a multiple of <see cref="CacheAppend.SlotMultiple"/>, which blocks of attention divide.</param>
public sealed class PageCaches(int positions = PageCaches.Positions) : IGraphPass
{
    public const string NoPages = "TCC2111";

    /// <summary>Whole blocks of attention on every chip: blocks, and so the bits, are those of caches without pages.</summary>
    public const int Positions = CacheAppend.LargestBlock;

    private const string Pages = "pages";

    public string Name => "page-caches";

    public void Run(Graph graph, PassContext context)
    {
        GraphState[] states = [.. graph.States.Where(s => s.Next.Producer!.Op is CacheAppend { Circular: false, Paged: false })];
        if (states.Length == 0)
        {
            return;
        }
        DimExpr batch = states[0].Input.Type.Shape[0], slots = states[0].Input.Type.Shape[2];
        bool alike = Array.TrueForAll(states, s => s.Input.Type.Shape[0] == batch && s.Input.Type.Shape[2] == slots);
        DimExpr columns = DimExpr.CeilDiv(slots, positions), pages = batch * columns;
        Value table = graph.AddInput(StateDescription.PageTable, new TensorType(ElementType.I64, [batch, columns]));
        if (!alike || graph.Dimensions.ContainsKey(Pages) || table.Name != StateDescription.PageTable)
        {
            throw new DiagnosticException(Diagnostic.Error(NoPages, alike ? $"the names '{Pages}' and '{StateDescription.PageTable}' are taken" : "caches of different sizes cannot have pages in common", null, "compile it without paged caches"));
        }
        graph.Dimensions.Add(Pages, new DimInterval(1, long.Max(1, pages.Bounds(graph.Dimensions).Upper)));
        graph.DimensionDefaults.Add(Pages, pages);
        // Whoever runs it fills the table; where nobody does, only the sizes matter.
        graph.Fills.Add(table, DimExpr.Zero);
        Dictionary<Value, List<Node>> uses = graph.Uses();
        foreach (GraphState state in states)
        {
            Node append = state.Next.Producer!;
            append.Op = (CacheAppend)append.Op with { Paged = true, Positions = slots };
            append.Inputs.Add(table);
            EquatableArray<DimExpr> shape = state.Input.Type.Shape;
            state.Input.Type = state.Next.Type = state.Input.Type with { Shape = [DimExpr.Symbol(Pages), shape[1], positions, shape[3]] };
            foreach (Node reader in uses.GetValueOrDefault(state.Next, []).Where(r => r.Op is CachedAttention { Paged: false }))
            {
                reader.Op = (CachedAttention)reader.Op with { Paged = true };
                reader.Inputs.Add(table);
            }
            context.CountRewrite();
        }
    }
}
