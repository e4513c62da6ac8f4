using FsCheck.Xunit;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Scheduling;

/// <summary>Random statements on random buffers in nested loops: whatever the order of accesses, the channels cover it.</summary>
public sealed class RandomScheduleTests
{
    [Property(MaxTest = 150, Replay = "(7,5)")]
    public void Random_program_has_no_race_and_cannot_deadlock(int seed)
    {
        TileProgram tiles = new RandomTiles(seed).Make();
        Assert.Empty(TileVerifier.Verify(tiles));
        WeightPrefetch.Run(tiles);
        Assert.Empty(TileVerifier.Verify(tiles));
        MemoryPlan plan = MemoryPlanner.Place(tiles, tiles.Chip);
        ChannelAssignment.Run(tiles, plan);
        ProgramImage image = CodeGenerator.Emit(tiles, plan, tiles.Chip, ChipDescriptions.Fingerprint(tiles.Chip), []);
        Assert.Empty(StaticChecks.Run(image.EntryPoints[0]));
        using LoadedProgram program = LoadedProgram.Load(image, tiles.Chip);
        foreach (long n in new long[] { 0, 1, 2, 3 })
        {
            RunResult run = new Session(program).Run(new Dictionary<string, Tensor>(), new RunOptions { Check = true, Set = new Dictionary<string, long> { ["n"] = n } });
            // Random programs do read what they never wrote; that is not what is tested here.
            Assert.DoesNotContain(run.Findings, f => f.Kind is not (FindingKind.UninitialisedRead or FindingKind.UnwrittenOutput));
        }
    }

    private sealed class RandomTiles(int seed)
    {
        private const int Rows = 4, AspStride = 64, AccStride = 512;

        private static readonly DimExpr s_n = DimExpr.Symbol("n");

        private readonly Random _random = new(seed);
        private readonly List<TileBuffer> _asp = [], _acc = [];
        private readonly List<DramTensor> _tensors = [];
        private int _left = 25;

        public TileProgram Make()
        {
            var program = new TileProgram
            {
                Chip = TestChips.Tiny,
                Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(0, 8) },
                Weights = new WeightStream(),
                Ring = [.. Enumerable.Range(0, 2).Select(i => new TileBuffer($"ring{i}", MemorySpace.Wsp, 1024))],
            };
            for (int i = 0; i < 2; i++)
            {
                _tensors.Add(new DramTensor($"t{i}", TensorKind.Scratch, ElementType.F32, [Rows, 16]));
            }
            program.Tensors.AddRange(_tensors);
            Block(new TileBuilder(program), Tensor.From<float>(ElementType.F32, [16, 16], new float[256]), 0);
            return program;
        }

        private void Block(TileBuilder b, Tensor weights, int depth)
        {
            (int asp, int acc) = (_asp.Count, _acc.Count);
            for (int i = _random.Next(1, 4); i > 0; i--)
            {
                _asp.Add(b.Buffer("a", MemorySpace.Asp, Rows * AspStride));
            }
            for (int i = _random.Next(1, 3); i > 0; i--)
            {
                _acc.Add(b.Buffer("c", MemorySpace.Acc, Rows * AccStride));
            }
            for (int i = _random.Next(1, 8); i > 0 && _left > 0; i--)
            {
                _left--;
                if (depth < 3 && _random.Next(4) == 0)
                {
                    b.Loop("i", _random.Next(3) == 0 ? 2 : s_n, _ => Block(b, weights, depth + 1));
                }
                else
                {
                    Statement(b, weights);
                }
            }
            _asp.RemoveRange(asp, _asp.Count - asp);
            _acc.RemoveRange(acc, _acc.Count - acc);
        }

        private void Statement(TileBuilder b, Tensor weights)
        {
            var count = new Extent3(DimExpr.One, Rows, 16);
            var dram = new Extent3(DimExpr.Zero, 64, 4);
            TileBuffer x = Any(_asp), y = Any(_asp), c = Any(_acc);
            DramTensor t = _tensors[_random.Next(_tensors.Count)];
            StridedTile Strided(TileBuffer buffer) => new(buffer, DimExpr.Zero, ElementType.F32, new Extent3(DimExpr.Zero, AspStride, 4));
            VectorTile Tile(TileBuffer buffer) => new(buffer, DimExpr.Zero, buffer.Space == MemorySpace.Acc ? AccStride : AspStride, ElementType.F32);
            switch (_random.Next(9))
            {
                case 0:
                    b.Load(Strided(x), new StridedDram(t, DimExpr.Zero, dram), count);
                    break;
                case 1:
                    b.Store(new StridedDram(t, DimExpr.Zero, dram), Strided(x), count);
                    break;
                case 2:
                    b.Copy(Strided(x), Strided(y), count);
                    break;
                case 3:
                    b.Fill(new ScratchOperand(x, DimExpr.Zero), ElementType.F32, AspStride, Rows, 16, 0);
                    break;
                case 4:
                    b.Unary(UnaryOp.Abs, Tile(x), Tile(c), Rows, 16);
                    break;
                case 8:
                    // What the sequencer reads decides which element is filled next.
                    b.Iota(new VectorTile(x, DimExpr.Zero, DimExpr.Zero, ElementType.I32), DimExpr.One, DimExpr.One, 7, DimExpr.Zero, DimExpr.Zero);
                    DimExpr column = b.LoadScalar("column", new ScratchOperand(x, DimExpr.Zero), ElementType.I32, new DimInterval(0, 15));
                    b.Fill(new ScratchOperand(y, column * 4), ElementType.F32, AspStride, Rows, 1, 0);
                    break;
                case 5:
                    b.Binary(BinaryOp.Max, Tile(c), Tile(x), Tile(y), Rows, 16);
                    break;
                default:
                    TileBuffer slot = b.Program.Ring[_random.Next(b.Program.Ring.Length)];
                    WeightPanel panel = b.Program.Weights.Panel(WeightMatrix.Of(weights), 0, 16, 0, 16, ElementType.F32);
                    b.LoadWeights(slot, panel);
                    b.MatMul(Tile(x), new ScratchOperand(slot, DimExpr.Zero), ElementType.F32, 64, PanelLayout.KByN, new ScratchOperand(c, DimExpr.Zero), AccStride, Rows, 16, 16,
                        _random.Next(2) == 0 ? AccumulateMode.Init : AccumulateMode.Add, 1);
                    break;
            }
        }

        private TileBuffer Any(List<TileBuffer> buffers) => buffers[_random.Next(buffers.Count)];
    }
}
