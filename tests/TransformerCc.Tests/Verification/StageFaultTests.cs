using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Tests.Caches;
using TransformerCc.Tests.Tiling;

namespace TransformerCc.Tests.Verification;

/// <summary>
/// Faults that a compiler could have, one behind each stage: every one is found, at its stage, and its node is named. Races and
/// deadlocks are the business of <see cref="Scheduling.RemovedSemaphoreTests"/> and the static checks, plans that overlap that of the plan checker.
/// </summary>
public sealed class StageFaultTests
{
    private const string Pass = "TCC6008", Unwritten = "TCC6030", Impossible = "TCC6031", Tiling = "TCC6033", Scheduling = "TCC6034", Binary = "TCC6035";

    /// <param name="Graph">One of <see cref="SmallGraphs"/>, or "cached".</param>
    /// <param name="Code">What finds it.</param>
    /// <param name="Node">The node that is named.</param>
    private sealed record Seeded(string Name, string Graph, string Code, string Node, StagedCompilation Compilation);

    private static readonly Seeded[] s_faults =
    [
        // Passes.
        new("a pass drops an activation", "block", Pass, "h", InGraph("h", n => n.Op = (Linear)n.Op with { Activation = null })),
        new("a pass takes another activation", "block", Pass, "h", InGraph("h", n => n.Op = (Linear)n.Op with { Activation = UnaryOp.Relu })),
        new("a pass changes an epsilon", "block", Pass, "n1", InGraph("n1", n => n.Op = (Norm)n.Op with { Epsilon = 0.1f })),
        new("a pass takes one norm for the other", "block", Pass, "n1", InGraph("n1", n => n.Op = (Norm)n.Op with { Kind = NormKind.Layer })),
        new("a pass changes the scale of scores", "block", Pass, "a", InGraph("a", n => n.Op = (Attention)n.Op with { Scale = 1 })),
        new("a pass shifts the causal limit by one", "block", Pass, "a", InGraph("a", n => n.Op = (Attention)n.Op with { CausalOffset = -1 })),
        new("a pass exchanges keys and values", "block", Pass, "a", InGraph("a", n => (n.Inputs[1], n.Inputs[2]) = (n.Inputs[2], n.Inputs[1]))),
        new("a pass takes another residual", "block", Pass, "x2", new StagedCompilation { Graph = g => Node(g, "x2").Inputs[2] = Node(g, "x").Output }),
        new("a pass takes another bias", "block", Pass, "x1", new StagedCompilation { Graph = g => Node(g, "x1").Inputs[2] = Node(g, "n").Inputs[1] }),

        // Tiling.
        new("the end of k is left out", "linear", Tiling, "y", InTiles("mm", "y", "k", Plus(-1))),
        new("k begins a line too late", "linear", Unwritten, "y", InTiles("mm", "y", "w", Shifted(64))),
        new("rows are left out", "linear", Unwritten, "h", InTiles("mm", "h", "m", Plus(-1))),
        new("more rows are read than there are", "linear", Unwritten, "h", InTiles("mm", "h", "m", Plus(1))),
        new("accumulators are not cleared", "linear", Unwritten, "h", InTiles("mm", "h", "mode", _ => ChoiceOperand.Of(AccumulateMode.Add))),
        new("accumulators are cleared in between", "wide_linear", Tiling, "h", InTiles("mm", "h", "mode", _ => ChoiceOperand.Of(AccumulateMode.Init))),
        new("a tile is read one row too late", "linear", Impossible, "h", InTiles("load", "h", "src", o => o is DramOperand { Tensor.Kind: TensorKind.Input } d ? d with { Offset = d.Offset + (48 * 4) } : o)),
        new("a tile is written one element too late", "layer_norm", Impossible, "y", InTiles("store", "y", "dst", o => o is DramOperand d ? d with { Offset = d.Offset + 4 } : o)),
        new("a mask is shifted by one", "causal", Tiling, "a", InTiles("vonline", "a", "high", Plus(-1))),
        new("a score is scaled wrong", "causal", Tiling, "a", InTiles("vonline", "a", "scale", _ => new FloatOperand(0.5f))),
        new("keys are appended one position too late", "cached", Impossible, "keys", InTiles("store", "keys", "dst", o => o is DramOperand d ? d with { Offset = d.Offset + (8 * 4 * 100_000) } : o)),
        new("a result is not stored", "linear", "TCC6032", "", new StagedCompilation { Tiled = t => StagedCompilation.Remove(t, "store", "y") }),
        new("bias is taken twice", "linear", Tiling, "h", InTiles("vbinary", "h", "op", _ => ChoiceOperand.Of(BinaryOp.Sub))),
        new("an expert's weights are looked for elsewhere", "experts", Impossible, "u", InTiles("loadw", "u", "src", o => o is PanelOperand p ? p with { Shift = p.Shift + 64 } : o)),

        // Scheduling.
        new("weights are loaded after their use", "linear", Unwritten, "h", new StagedCompilation { Scheduled = t => StagedCompilation.LoadWeightsLast(t.Body) }),
        new("a slot of the ring is filled with another panel", "block", Unwritten, "q0", new StagedCompilation { Scheduled = ExchangeSlots }),
        new("scheduling changes a statement", "linear", Scheduling, "y", InSchedule("vbinary", "y", "op", _ => ChoiceOperand.Of(BinaryOp.Sub))),

        // Memory plan, code and file.
        new("buffers that live together share a place", "linear", Binary, "", new StagedCompilation { Planned = p => Overlap(p, MemorySpace.Asp) }),
        new("accumulators share a place", "block", Binary, "", new StagedCompilation { Planned = p => Overlap(p, MemorySpace.Acc) }),
        new("an instruction reads a line too late", "layer_norm", Binary, "y", InBinary(i => i is VectorNorm n ? n with { Scale = n.Scale with { Offset = n.Scale.Offset + 64 } } : i)),
        new("an instruction has another operation", "linear", Binary, "", InBinary(i => i is VectorBinary { Op: BinaryOp.Add } b ? b with { Op = BinaryOp.Sub } : i)),
        new("a number in a register is wrong", "block", "TCC5104", "", InBinary(i => i is Scalar { Op: ScalarOp.Mul } s ? s with { Op = ScalarOp.Add } : i)),
        new("an instruction is missing", "linear", Binary, "", InBinary(i => i is VectorUnary u ? new VectorUnary(UnaryOp.Copy, u.Dst, u.Src, u.Rows, u.Columns, 0) { Tag = u.Tag, Acquires = u.Acquires, Releases = u.Releases } : i)),
        new("the weight section holds something else", "linear", Binary, "h", new StagedCompilation { Emitted = i => i with { Weights = new StagedCompilation.ZeroSection(i.Weights.Length) } }),
    ];

    public static TheoryData<string> Names => [.. s_faults.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Fault_is_found_at_its_stage_with_its_node(string name)
    {
        Seeded fault = s_faults.Single(f => f.Name == name);
        Graph graph = fault.Graph == "cached" ? new CacheGraphs().Parse() : SmallGraphs.Named(fault.Graph).Parse();
        Diagnostic found = fault.Compilation.Fault(graph);
        Assert.True(found.Code == fault.Code, found.ToString());
        Assert.True(fault.Node.Length == 0 || found.Location!.Contains($"node %{fault.Node} ", StringComparison.Ordinal) || found.Location.Contains($"node {fault.Node} ", StringComparison.Ordinal), found.ToString());
    }

    private static StagedCompilation InGraph(string value, Action<Node> change) => new() { Graph = g => change(Node(g, value)) };

    private static Node Node(Graph graph, string value) => graph.Nodes.Single(n => n.Output.Name == value);

    private static StagedCompilation InTiles(string mnemonic, string node, string operand, Func<TileOperand, TileOperand> change) =>
        new() { Tiled = t => StagedCompilation.Change(t, mnemonic, node, operand, change) };

    private static StagedCompilation InSchedule(string mnemonic, string node, string operand, Func<TileOperand, TileOperand> change) =>
        new() { Scheduled = t => StagedCompilation.Change(t, mnemonic, node, operand, change) };

    /// <summary>Loads fill each other's slots: the products use what was meant for others.</summary>
    private static void ExchangeSlots(TileProgram tiles) =>
        StagedCompilation.Change(tiles, "loadw", null, "dst", o => o is ScratchOperand s && tiles.Ring.IndexOf(s.Buffer) is var i && (i ^ 1) < tiles.Ring.Length ? s with { Buffer = tiles.Ring[i ^ 1] } : o);

    private static void Overlap(MemoryPlan plan, MemorySpace space)
    {
        foreach (TileBuffer buffer in plan.Offsets.Keys.Where(b => b.Space == space).ToArray())
        {
            plan.Offsets[buffer] = 0;
        }
    }

    private static StagedCompilation InBinary(Func<Instruction, Instruction> change) => new() { Emitted = i => StagedCompilation.With(i, change) };

    private static Func<TileOperand, TileOperand> Plus(long by) => o => o is DimOperand d ? new DimOperand(d.Value + by) : o;

    private static Func<TileOperand, TileOperand> Shifted(long by) => o => o is ScratchOperand s ? s with { Offset = s.Offset + by } : o;
}
