using TransformerCc.Compiler;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tests.Verification;

/// <summary>A fault of a pass, of tiling, scheduling, planning or code generation is found at that stage, and its node is named.</summary>
public sealed class StageVerifierTests
{
    private const string Text = """
        dim n in 1..64
        input %x : f32[n, 48]
        const %w : f32[48, 80] = #w
        const %b : f32[80] = #b
        const %w2 : f32[80, 48] = #w2
        const %s : f32[48] = #s
        %h : f32[n, 80] = linear(%x, %w, %b) {activation = relu, bias} from "/up"
        %y : f32[n, 48] = linear(%h, %w2, %x) {residual} from "/down"
        %z : f32[n, 48] = norm(%y, %s) {epsilon = 1e-05, kind = rms} from "/norm"
        output "z" = %z
        """;

    private readonly CompileOptions _options = new() { Chip = TestChips.Tiny, Precision = Precision.F32 };

    [Fact]
    public void A_right_compilation_passes_every_stage()
    {
        StageVerifier verifier = Compile(_ => { });
        Assert.Equal(["import", "tile", "schedule", "binary"], verifier.Results.Select(r => r.Name));
        Assert.All(verifier.Results, r => Assert.True(r.Passed));
        Assert.All(verifier.Results.Skip(2), r => Assert.Equal(0, r.Errors!.Value.MaxAbsolute));
    }

    [Fact]
    public void A_pass_that_drops_an_activation_is_found_with_its_node()
    {
        Diagnostic found = Fault(f => f.Graph = graph => Node(graph, "h").Op = (Linear)Node(graph, "h").Op with { Activation = null });
        Assert.Equal("TCC6008", found.Code);
        Assert.Contains("pass broken", found.Message, StringComparison.Ordinal);
        Assert.Contains("%h = linear", found.Location, StringComparison.Ordinal);
        Assert.Matches(@"element \[\d+, \d+\] was 0 and is -", found.Location);
    }

    [Fact]
    public void A_pass_that_takes_another_operand_is_found_with_its_node()
    {
        Diagnostic found = Fault(f => f.Graph = graph => Node(graph, "y").Inputs[2] = graph.Add(new Unary(UnaryOp.Abs), [graph.Inputs[0]], [], before: Node(graph, "y")).Output);
        Assert.Equal("TCC6008", found.Code);
        Assert.Contains("%y = linear", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void Tiling_that_leaves_out_the_end_of_k_is_found_with_the_node()
    {
        Diagnostic found = Fault(f => f.Tiled = tiles => Change(tiles.Body, s => s.Kind.Info.Mnemonic == "mm" && tiles.Debug[s.Tag].Node == "y", (n, o) => n == "k" ? new DimOperand(((DimOperand)o).Value - 1) : o, all: true));
        Assert.Equal("TCC6033", found.Code);
        Assert.Contains("stage tile of main", found.Message, StringComparison.Ordinal);
        Assert.Contains("%y = linear", found.Location, StringComparison.Ordinal);
        Assert.Contains("allowed: largest error <= 0.0001", found.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void Tiling_whose_fault_needs_two_nodes_together_is_told_so()
    {
        int lowered = 0;
        Diagnostic found = Fault(f => f.Tiled = tiles => _ = lowered++ == 0 && Change(tiles.Body, s => s.Kind.Info.Mnemonic == "mm", (n, o) => n == "k" ? new DimOperand(((DimOperand)o).Value - 1) : o));
        Assert.Equal("TCC6033", found.Code);
        Assert.Contains("no node alone", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void A_statement_that_scheduling_changed_is_found_with_the_node()
    {
        Diagnostic found = Fault(f => f.Scheduled = tiles => Change(tiles.Body, s => s.Kind.Info.Mnemonic == "vbinary" && tiles.Debug[s.Tag].Node == "y", (n, o) => n == "op" ? ChoiceOperand.Of(BinaryOp.Sub) : o));
        Assert.Equal("TCC6034", found.Code);
        Assert.Contains("stage schedule of main", found.Message, StringComparison.Ordinal);
        Assert.Contains("node y (", found.Location, StringComparison.Ordinal);
        Assert.Contains("vbinary writes something else", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void A_load_that_reads_before_its_slot_is_filled_is_found()
    {
        Diagnostic found = Fault(f => f.Scheduled = tiles => MoveLast(tiles.Body));
        Assert.Equal("TCC6030", found.Code);
        Assert.Contains("schedule of main", found.Message, StringComparison.Ordinal);
        Assert.Contains("$ring", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Buffers_that_share_a_place_while_both_live_are_found_with_the_node()
    {
        Diagnostic found = Fault(f => f.Planned = plan =>
        {
            TileBuffer[] buffers = [.. plan.Offsets.Keys.Where(b => b.Space == MemorySpace.Asp)];
            foreach (TileBuffer buffer in buffers)
            {
                plan.Offsets[buffer] = 0;
            }
        });
        Assert.Equal("TCC6035", found.Code);
        Assert.Contains("stage binary of main", found.Message, StringComparison.Ordinal);
        Assert.Matches("node [hyz] ", found.Location);
        Assert.Equal("allowed: the same bits", found.Help);
    }

    [Fact]
    public void A_binary_with_a_wrong_address_is_found_with_the_node()
    {
        Diagnostic found = Fault(f => f.Emitted = image => image with
        {
            EntryPoints = [.. image.EntryPoints.Select(e => e with { Instructions = [.. e.Instructions.Select(i => i is VectorNorm norm ? norm with { Scale = norm.Scale with { Offset = norm.Scale.Offset + 64 } } : i)] })],
        });
        Assert.Equal("TCC6035", found.Code);
        Assert.Contains("node z (", found.Location, StringComparison.Ordinal);
        Assert.Contains("vnorm writes something else", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_weight_section_is_found_with_the_node()
    {
        Diagnostic found = Fault(f => f.Emitted = image => image with { Weights = new ZeroSection(image.Weights.Length) });
        Assert.Equal("TCC6035", found.Code);
        Assert.Contains("node h (linear", found.Location, StringComparison.Ordinal);
    }

    private static Node Node(Graph graph, string value) => graph.Nodes.Single(n => n.Output.Name == value);

    private Diagnostic Fault(Action<Faults> fault) => Assert.Throws<DiagnosticException>(() => Compile(fault)).Diagnostics[0];

    /// <summary>The stages of the driver, with a fault behind one of them.</summary>
    private StageVerifier Compile(Action<Faults> fault)
    {
        var faults = new Faults();
        fault(faults);
        var verifier = new StageVerifier(_options, seed: 3) { Lower = Lower };
        Graph graph = GraphTexts.Parse(Text);
        verifier.AfterPass("import", graph);
        faults.Graph(graph);
        verifier.AfterPass("broken", graph);
        TileProgram tiles = Lower(graph);
        verifier.AfterTiles("tile", "main", tiles);
        WeightPrefetch.Run(tiles);
        MemoryPlan plan = MemoryPlanner.Place(tiles, _options.Chip);
        ChannelAssignment.Run(tiles, plan);
        faults.Scheduled(tiles);
        verifier.AfterTiles("schedule", "main", tiles);
        faults.Planned(plan);
        ProgramImage image = CodeGenerator.Emit(tiles, plan, _options.Chip, ChipDescriptions.Fingerprint(_options.Chip), []);
        verifier.AfterBinary(faults.Emitted(image));
        return verifier;

        TileProgram Lower(Graph lowered)
        {
            TileProgram result = Tiler.Lower(lowered, _options.Chip, _options.Precision);
            faults.Tiled(result);
            return result;
        }
    }

    private static bool Change(TileBlock block, Predicate<TileStatement> which, Func<string, TileOperand, TileOperand> operand, bool all = false)
    {
        bool changed = false;
        for (int i = 0; i < block.Nodes.Count && (all || !changed); i++)
        {
            if (block.Nodes[i] is TileStatement s && which(s))
            {
                block.Nodes[i] = new TileStatement(s.Kind, [.. s.Operands.Select(o => new NamedOperand(o.Name, operand(o.Name, o.Value)))], s.Tag);
                changed = true;
            }
            else if (block.Nodes[i] is TileLoop loop)
            {
                changed |= Change(loop.Body, which, operand, all);
            }
        }
        return changed;
    }

    /// <summary>Every load of weights goes behind everything else of its block.</summary>
    private static void MoveLast(TileBlock block)
    {
        TileNode[] loads = [.. block.Nodes.Where(n => n is TileStatement { Engine: Engine.WeightDma })];
        block.Nodes.RemoveAll(loads.Contains);
        block.Nodes.AddRange(loads);
        foreach (TileLoop loop in block.Nodes.OfType<TileLoop>())
        {
            MoveLast(loop.Body);
        }
    }

    private sealed class Faults
    {
        public Action<Graph> Graph { get; set; } = _ => { };

        public Action<TileProgram> Tiled { get; set; } = _ => { };

        public Action<TileProgram> Scheduled { get; set; } = _ => { };

        public Action<MemoryPlan> Planned { get; set; } = _ => { };

        public Func<ProgramImage, ProgramImage> Emitted { get; set; } = image => image;
    }

    private sealed class ZeroSection(long length) : WeightSection
    {
        public override long Length => length;

        public override void WriteTo(Stream stream) => stream.Write(new byte[length]);
    }
}
