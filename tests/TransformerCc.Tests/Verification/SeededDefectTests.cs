using System.Collections.Immutable;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Caches;
using TransformerCc.Tests.Tiling;
using TransformerCc.Verification;
using TensorMath = TransformerCc.Compiler.GraphIR.Operators.TensorMath;

namespace TransformerCc.Tests.Verification;

/// <summary>
/// Defects that a compiler could have, put into programs that were right, and the first tool that finds each: opening the
/// file, loading (proofs for all sizes), `inspect --verify` (a sample of sizes, no data), a run with `--check`, and
/// comparing results with the reference, which is what is left for wrong numbers. Defects of graphs, tiles, schedules and
/// plans, with the node that is named, are in <see cref="StageFaultTests"/>; those of plans alone in PlanCheckerTests.
/// </summary>
public sealed class SeededDefectTests : IDisposable
{
    private const string Open = "open", Loading = "load", Inspect = "inspect --verify", Check = "run --check", Compare = "verify", Nothing = "nothing";

    private readonly TemporaryFolder _folder = new();

    /// <summary>Graph, sizes, what is wrong, and who finds it.</summary>
    public static TheoryData<string, string, string, string> Defects => new()
    {
        { "linear", "n=70", "none", Nothing },
        { "linear", "n=70", "a bit of the text section flipped", Open },
        { "linear", "n=70", "a bit of the weights flipped", Open },
        { "linear", "n=70", "the end of the file missing", Open },
        { "linear", "n=70", "a loop body that passes the end", Loading },
        { "linear", "n=70", "a release missing in a loop of unknown length", Inspect },
        { "linear", "n=70", "an acquire missing in a loop of unknown length", Inspect },
        { "linear", "n=70", "a semaphore released by two engines", Loading },
        { "linear", "n=70", "accumulators past the end of ACC", Loading },
        { "linear", "n=70", "a load left out", Inspect },
        { "linear", "n=70", "a store left out", Inspect },
        { "linear", "n=70", "a store behind its tensor", Inspect },
        { "linear", "n=70", "products that do not wait for their panel", Inspect },
        { "linear", "n=70", "vector engine does not wait for products", Inspect },
        { "linear", "n=70", "the first product adds to what was there", Inspect },
        { "gated_ffn", "batch=2 length=5", "a stale panel: each is loaded from where the first lies", Compare },
        { "gated_ffn", "batch=2 length=5", "products without the last group of k", Compare },
        { "gated_ffn", "batch=2 length=5", "another activation", Compare },
        { "gated_ffn", "batch=2 length=5", "gate and up swapped", Compare },
        { "gated_ffn", "batch=2 length=5", "another epsilon", Compare },
        { "layer_norm", "n=30", "operands of a difference swapped", Compare },
        { "layer_norm", "n=30", "a row of scales read one element further", Inspect },
        { "causal", "batch=2 length=9", "a query sees one key more", Compare },
        { "causal", "batch=2 length=9", "another scale of scores", Compare },
        { "rope", "batch=2 length=5", "pairs of the other kind", Compare },
        { "rope", "batch=2 length=5", "sines and cosines swapped", Compare },
        { "embedding", "batch=3 length=5", "rows of a table one further", Compare },
        { "cache", "batch=2 length=5", "appended one slot further", Inspect },
        { "cache", "batch=2 length=5", "a query sees one key more", Compare },
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void There_are_enough() => Assert.True(Defects.Count > 25);

    [Theory]
    [MemberData(nameof(Defects))]
    public void Defect_is_found(string name, string sizes, string defect, string tool)
    {
        SmallGraph small = name == "cache" ? new(name, sizes, "") : SmallGraphs.Named(name) with { Sizes = sizes };
        Graph graph = name == "cache" ? new CacheGraphs().Parse() : small.Parse();
        ProgramImage image = CompiledGraph.Of(graph, TestChips.Tiny, Precision.F32).Image;
        EntryPoint main = image.EntryPoints[0];
        ImmutableArray<Instruction> changed = Change(image, main.Instructions, defect);
        Assert.True(tool is Open or Nothing || !changed.SequenceEqual(main.Instructions), "the defect changes nothing");
        string file = Path.Combine(_folder.FullName, "model.bin");
        ProgramFile.Write(file, image with { EntryPoints = [main with { Instructions = changed }] });
        Damage(file, defect);
        Assert.Equal(tool, FirstToFind(file, graph, small.EachSize().Single()));
    }

    private static string FirstToFind(string path, Graph graph, IReadOnlyDictionary<string, long> sizes)
    {
        ChipDescription chip = TestChips.Tiny;
        ProgramFile file;
        try
        {
            file = ProgramFile.Open(path);
        }
        catch (DiagnosticException)
        {
            return Open;
        }
        using ProgramFile opened = file;
        LoadedProgram program;
        try
        {
            program = LoadedProgram.Load(file.Image, chip);
        }
        catch (DiagnosticException)
        {
            return Loading;
        }
        using LoadedProgram loaded = program;
        if (ImageVerifier.Verify(file.Image, chip).Any(c => c.Errors.Count > 0))
        {
            return Inspect;
        }
        var inputs = RandomInputs.Create(graph, sizes, seed: 5).Where(i => graph.States.All(s => s.Input.Name != i.Key) && i.Key != "past").ToDictionary();
        RunResult run;
        try
        {
            run = new Session(program).Run(inputs, new RunOptions { Check = true, Set = sizes });
        }
        catch (TrapException)
        {
            return Check;
        }
        if (run.Findings.Count > 0)
        {
            return Check;
        }
        if (graph.States.Count > 0)
        {
            inputs["past"] = CacheGraphs.Past(new long[sizes["batch"]]);
        }
        IReadOnlyDictionary<string, Tensor> golden = GraphEvaluator.Evaluate(graph, inputs, sizes, states: graph.States.Count > 0 ? new Dictionary<string, Tensor>() : null);
        return golden.All(g => ErrorMeasures.Of(TensorMath.Doubles(run.Outputs[g.Key]), TensorMath.Doubles(g.Value)) is var e && e.MaxAbsolute <= 1e-5 * e.MaxGolden) ? Nothing : Compare;
    }

    private static void Damage(string file, string defect)
    {
        byte[] bytes = File.ReadAllBytes(file);
        switch (defect)
        {
            case "a bit of the text section flipped":
                bytes[1024] ^= 4;
                break;
            case "a bit of the weights flipped":
                bytes[^100] ^= 1;
                break;
            case "the end of the file missing":
                bytes = bytes[..^64];
                break;
        }
        File.WriteAllBytes(file, bytes);
    }

    private static ImmutableArray<Instruction> Change(ProgramImage image, ImmutableArray<Instruction> code, string defect) => defect switch
    {
        "a loop body that passes the end" => First<Loop>(code, i => i with { Body = code.Length }),
        "a release missing in a loop of unknown length" => First<MatMul>(code, i => i with { Releases = default }, i => i.Releases.Count > 0),
        "an acquire missing in a loop of unknown length" => First<MatMul>(code, i => i with { Acquires = default }, i => i.Acquires.Count > 0),
        "a semaphore released by two engines" => First<MatMul>(code, i => i with { Releases = i.Releases.Add(code.OfType<LoadWeights>().First().Releases[0]) }),
        "accumulators past the end of ACC" => code.Insert(0, new Fill(new ScratchAddress(MemorySpace.Acc, (uint)TestChips.Tiny.Memory.AccBytes - 512), ElementType.F32, 512, 2, 128, Reg.Zero)),
        "a load left out" => LeftOut<Load>(code),
        "a store left out" => LeftOut<Store>(code),
        "a store behind its tensor" => First<Store>(code, i => i with { Dst = i.Dst with { Offset = i.Dst.Offset + (1 << 24) } }),
        "products that do not wait for their panel" => WithoutOrder(code, Engine.WeightDma, Engine.Matrix),
        "vector engine does not wait for products" => WithoutOrder(code, Engine.Matrix, Engine.Vector),
        "the first product adds to what was there" => First<MatMul>(code, i => i with { Mode = AccumulateMode.Add }),
        "a stale panel: each is loaded from where the first lies" => All<LoadWeights>(code, i => i with { Src = code.OfType<LoadWeights>().First().Src }),
        "products without the last group of k" => All<MatMul>(code, i => i with { K = i.K.Immediate - MatMul.GroupSize }),
        "another activation" => All<VectorGated>(code, i => i with { Activation = UnaryOp.Relu }),
        "gate and up swapped" => All<VectorGated>(code, i => i with { Gate = i.Up, Up = i.Gate }),
        "another epsilon" => All<VectorNorm>(code, i => i with { Epsilon = 1e-2f }),
        "operands of a difference swapped" => All<VectorBinary>(code, i => i.Op == BinaryOp.Sub ? i with { A = i.B, B = i.A } : i),
        "a row of scales read one element further" => First<Load>(code, i => i with { Src = i.Src with { Offset = i.Src.Offset + sizeof(float) }, Count = i.Count with { Inner = i.Count.Inner.Immediate - 1 } }),
        "a query sees one key more" => Inserted<OnlineSoftmax>(code, i => new Scalar(ScalarOp.Add, i.HighLimit, i.HighLimit, 1)),
        "another scale of scores" => All<OnlineSoftmax>(code, i => i with { Scale = i.Scale * 1.01f }),
        "pairs of the other kind" => All<VectorRope>(code, i => i with { Kind = i.Kind == RopeKind.Half ? RopeKind.Interleaved : RopeKind.Half }),
        "sines and cosines swapped" => All<VectorRope>(code, i => i with { Cos = i.Sin, Sin = i.Cos }),
        "rows of a table one further" => All<Gather>(code, i => i with { Table = i.Table with { Offset = i.Table.Offset + 64 }, TableRows = i.TableRows.Immediate - 1 }),
        "appended one slot further" => All<Store>(code, i => image.Debug[i.Tag].Node is "keys" ? i with { Dst = i.Dst with { Offset = i.Dst.Offset + (8 * sizeof(float)) } } : i),
        _ => code,
    };

    private static ImmutableArray<Instruction> All<T>(ImmutableArray<Instruction> code, Func<T, Instruction> change) where T : Instruction => [.. code.Select(i => i is T t ? change(t) : i)];

    private static ImmutableArray<Instruction> First<T>(ImmutableArray<Instruction> code, Func<T, Instruction> change, Func<T, bool>? which = null) where T : Instruction
    {
        T first = code.OfType<T>().First(which ?? (_ => true));
        return code.SetItem(code.IndexOf(first), change(first));
    }

    /// <summary>The queue keeps its semaphores; only the bytes are missing.</summary>
    private static ImmutableArray<Instruction> LeftOut<T>(ImmutableArray<Instruction> code) where T : Instruction =>
        First<T>(code, i => new Post(i.Engine) { Acquires = i.Acquires, Releases = i.Releases });

    /// <summary>Without the channels from one engine to another.</summary>
    private static ImmutableArray<Instruction> WithoutOrder(ImmutableArray<Instruction> code, Engine from, Engine to)
    {
        HashSet<byte> between = [.. code.Where(i => i.Engine == from).SelectMany(i => Numbers(i.Releases)).Intersect(code.Where(i => i.Engine == to).SelectMany(i => Numbers(i.Acquires)))];
        return [.. code.Select(i => i with { Acquires = Except(i.Acquires, between), Releases = Except(i.Releases, between) })];
    }

    /// <summary>An instruction before each of a kind; loops and branches around it grow.</summary>
    private static ImmutableArray<Instruction> Inserted<T>(ImmutableArray<Instruction> code, Func<T, Instruction> before) where T : Instruction
    {
        for (int at = code.Length - 1; at >= 0; at--)
        {
            if (code[at] is not T t)
            {
                continue;
            }
            int place = at;
            code = [.. code.Select((i, k) => i switch
            {
                Loop l when k < place && place <= k + l.Body => l with { Body = l.Body + 1 },
                Branch b when k < place && place <= k + b.Skip => b with { Skip = b.Skip + 1 },
                _ => i,
            })];
            code = code.Insert(place, before(t));
        }
        return code;
    }

    private static IEnumerable<byte> Numbers(SemaphoreList list) => Enumerable.Range(0, list.Count).Select(k => list[k]);

    private static SemaphoreList Except(SemaphoreList list, HashSet<byte> removed) => SemaphoreList.Of([.. Numbers(list).Where(s => !removed.Contains(s))]);
}
