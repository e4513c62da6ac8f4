using TransformerCc.Compiler;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tests.Verification;

/// <summary>The stages of the driver under a stage verifier, with room for a fault behind each of them.</summary>
internal sealed class StagedCompilation
{
    private static readonly CompileOptions s_options = new() { Chip = TestChips.Tiny, Precision = Precision.F32 };

    public Action<Graph> Graph { get; init; } = _ => { };

    /// <summary>Whenever the graph is lowered: once to compile it, and once more to find a node.</summary>
    public Action<TileProgram> Tiled { get; init; } = _ => { };

    public Action<TileProgram> Scheduled { get; init; } = _ => { };

    public Action<MemoryPlan> Planned { get; init; } = _ => { };

    public Func<ProgramImage, ProgramImage> Emitted { get; init; } = image => image;

    /// <summary>What is found first.</summary>
    public Diagnostic Fault(Graph graph) => Assert.Throws<DiagnosticException>(() => Compile(graph)).Diagnostics[0];

    public StageVerifier Compile(Graph graph)
    {
        var verifier = new StageVerifier(s_options, seed: 3) { Lower = Lower };
        verifier.AfterPass("import", graph);
        Graph(graph);
        verifier.AfterPass("broken", graph);
        TileProgram tiles = Lower(graph);
        verifier.AfterTiles("tile", "main", tiles);
        WeightPrefetch.Run(tiles);
        MemoryPlan plan = MemoryPlanner.Place(tiles, s_options.Chip);
        ChannelAssignment.Run(tiles, plan);
        Scheduled(tiles);
        verifier.AfterTiles("schedule", "main", tiles);
        Planned(plan);
        ProgramImage image = CodeGenerator.Emit(tiles, plan, s_options.Chip, ChipDescriptions.Fingerprint(s_options.Chip), []);
        verifier.AfterBinary(Emitted(image));
        return verifier;
    }

    private TileProgram Lower(Graph graph)
    {
        TileProgram tiles = Tiler.Lower(graph, s_options.Chip, s_options.Precision);
        Tiled(tiles);
        return tiles;
    }

    /// <summary>Changes an operand of the statements of a kind, or of the first of them.</summary>
    /// <param name="node">Null for any.</param>
    public static void Change(TileProgram tiles, string mnemonic, string? node, string operand, Func<TileOperand, TileOperand> change, bool all = true)
    {
        Assert.True(Change(tiles.Body), $"no {mnemonic} of {node} has been changed");

        bool Change(TileBlock block)
        {
            bool changed = false;
            for (int i = 0; i < block.Nodes.Count && (all || !changed); i++)
            {
                if (block.Nodes[i] is TileStatement s && s.Kind.Info.Mnemonic == mnemonic && (node is null || tiles.Debug[s.Tag].Node == node))
                {
                    block.Nodes[i] = new TileStatement(s.Kind, [.. s.Operands.Select(o => new NamedOperand(o.Name, o.Name == operand ? change(o.Value) : o.Value))], s.Tag);
                    changed = true;
                }
                else if (block.Nodes[i] is TileLoop loop)
                {
                    changed |= Change(loop.Body);
                }
            }
            return changed;
        }
    }

    public static void Remove(TileProgram tiles, string mnemonic, string node)
    {
        int removed = Remove(tiles.Body);
        Assert.True(removed > 0, $"no {mnemonic} of {node} has been removed");

        int Remove(TileBlock block) => block.Nodes.RemoveAll(n => n is TileStatement s && s.Kind.Info.Mnemonic == mnemonic && tiles.Debug[s.Tag].Node == node) + block.Nodes.OfType<TileLoop>().Sum(l => Remove(l.Body));
    }

    /// <summary>Every load of weights goes behind everything else of its block.</summary>
    public static void LoadWeightsLast(TileBlock block)
    {
        TileNode[] loads = [.. block.Nodes.Where(n => n is TileStatement { Engine: Engine.WeightDma })];
        block.Nodes.RemoveAll(loads.Contains);
        block.Nodes.AddRange(loads);
        foreach (TileLoop loop in block.Nodes.OfType<TileLoop>())
        {
            LoadWeightsLast(loop.Body);
        }
    }

    /// <summary>A binary with other instructions.</summary>
    public static ProgramImage With(ProgramImage image, Func<Instruction, Instruction> change)
    {
        bool changed = false;
        ProgramImage result = image with { EntryPoints = [.. image.EntryPoints.Select(e => e with { Instructions = [.. e.Instructions.Select(i => Changed(i))] })] };
        Assert.True(changed, "no instruction has been changed");
        return result;

        Instruction Changed(Instruction i)
        {
            Instruction other = change(i);
            changed |= other != i;
            return other;
        }
    }

    /// <summary>A weight section of zeros.</summary>
    public sealed class ZeroSection(long length) : WeightSection
    {
        public override long Length => length;

        public override void WriteTo(Stream stream) => stream.Write(new byte[length]);
    }
}
