using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Verification.Stages;

/// <summary>
/// Follows a compilation, and after every stage evaluates what there is by then on one set of inputs: the graph after each pass,
/// the tile programs, the scheduled tile programs, the binary on the emulator. Each is compared with the one before, so the
/// first difference is that of the stage at fault; its node and element are named.
/// </summary>
/// <param name="given">Inputs; null: seeded ones.</param>
/// <param name="rule">What outputs may differ by through the formats of the precision; null: the rule of the precision.</param>
public sealed class StageVerifier(CompileOptions options, ulong seed, IReadOnlyDictionary<string, Tensor>? given = null, Tolerance? rule = null)
{
    /// <summary>Passes may reorder sums and replace spellings of a function; both stay within float accuracy.</summary>
    private static readonly StageTolerance s_pass = new(Tolerance.Of(ElementType.F32));

    private readonly List<StageResult> _results = [];
    private readonly Dictionary<string, ProgramRun> _programs = new(StringComparer.Ordinal);
    private IReadOnlyDictionary<string, long> _sizes = new Dictionary<string, long>();
    private IReadOnlyDictionary<string, Tensor> _inputs = new Dictionary<string, Tensor>();
    private IReadOnlyDictionary<string, Tensor> _outputs = new Dictionary<string, Tensor>();
    private Dictionary<Value, Tensor> _values = [];
    private GraphSnapshot? _snapshot;
    private Graph? _graph;

    /// <summary>A line for every stage that changed something.</summary>
    public IReadOnlyList<StageResult> Results => _results;

    /// <summary>Whether a difference ends the compilation; otherwise it goes on, and the stage's result has it.</summary>
    public bool StopsAtDifference { get; init; } = true;

    /// <summary>How the compilation lowers a graph to tiles; used again to find the node at fault.</summary>
    public Func<Graph, TileProgram> Lower { get; init; } = graph => Tiler.Lower(graph, options.Chip, options.Precision);

    /// <summary>Adds this verifier to a compilation.</summary>
    public CompileOptions Observe(CompileOptions compile) => compile with { AfterPass = compile.AfterPass + AfterPass, AfterTiles = compile.AfterTiles + AfterTiles };

    /// <summary>The first call is the imported graph.</summary>
    /// <exception cref="DiagnosticException">TCC6008: the pass changed an output.</exception>
    public void AfterPass(string pass, Graph graph)
    {
        var snapshot = new GraphSnapshot(graph);
        if (_snapshot is null)
        {
            IReadOnlyList<IReadOnlyDictionary<string, long>> sizes = RandomInputs.Sizes(graph);
            _sizes = given is null ? sizes[sizes.Count / 2] : _sizes;
            _inputs = given ?? RandomInputs.Create(graph, _sizes, seed);
        }
        else if (snapshot.IsSame(_snapshot))
        {
            return;
        }
        (IReadOnlyDictionary<string, Tensor> outputs, Dictionary<Value, Tensor> values) = Evaluate(graph, _inputs, _sizes);
        if (_snapshot is null)
        {
            _results.Add(new StageResult(pass, null, null, StageTolerance.Exact, []));
        }
        else
        {
            // What caches hold is another format from there on, by the user's wish.
            StageTolerance tolerance = pass != FormatCaches.PassName ? s_pass : new(Tolerance.Of(options.Cache is CacheFormat.FP8 or CacheFormat.Int8 ? ElementType.I8 : ElementType.BF16));
            Compare(pass, null, IndexOutput.Find(graph), _outputs, outputs, tolerance, "TCC6008", () => FirstChanged(graph, values, tolerance));
        }
        (_graph, _snapshot, _values, _outputs) = (graph, snapshot, values, outputs);
    }

    /// <summary>After tiling, and after scheduling.</summary>
    /// <exception cref="DiagnosticException">TCC6033: tiling computes something else. TCC6034: scheduling changed a bit.</exception>
    public void AfterTiles(string stage, string program, TileProgram tiles)
    {
        bool isTiled = !_programs.ContainsKey(program);
        if (isTiled && SampleFor(tiles) is { } fitting)
        {
            _programs[program] = new ProgramRun(fitting, fitting.Outputs, new WriteTrace());
        }
        if (!_programs.TryGetValue(program, out ProgramRun? before))
        {
            return;
        }
        Sample sample = before.Sample;
        var trace = new WriteTrace();
        IReadOnlyDictionary<string, Tensor> outputs;
        try
        {
            outputs = TileEvaluator.Evaluate(tiles, sample.AllInputs, sample.Dimensions, trace);
        }
        catch (DiagnosticException e)
        {
            Fail(stage, program, e);
            _programs.Remove(program);
            return;
        }
        if (isTiled)
        {
            var tolerance = new StageTolerance(rule ?? ModelVerifier.RuleOf(options.Precision, _graph!));
            Compare(stage, program, IndexOutput.Find(_graph!), before.Outputs, outputs, tolerance, "TCC6033", () => FirstWrongNode(sample, tolerance));
        }
        else
        {
            Compare(stage, program, [], before.Outputs, outputs, StageTolerance.Exact, "TCC6034", () => FirstWritten(before.Trace, trace, tiles.Debug));
        }
        _programs[program] = new ProgramRun(sample, outputs, trace);
    }

    /// <summary>The binary on the emulator, written to a file and read again.</summary>
    /// <exception cref="DiagnosticException">TCC6035: it gives other bits than the tile program. Traps keep their own codes.</exception>
    public void AfterBinary(ProgramImage image)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "model.bin");
        ProgramFile.Write(path, image);
        using ProgramFile file = ProgramFile.Open(path);
        using LoadedProgram program = LoadedProgram.Load(file.Image, options.Chip);
        AfterBinary(program);
    }

    /// <inheritdoc cref="AfterBinary(ProgramImage)"/>
    public void AfterBinary(LoadedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        foreach (EntryPoint entry in program.Image.EntryPoints)
        {
            if (!_programs.TryGetValue(entry.Name, out ProgramRun? before))
            {
                continue;
            }
            var set = before.Sample.Sizes.Where(s => program.Image.Dimensions.Any(d => d.Name == s.Key)).ToDictionary();
            var trace = new WriteTrace();
            RunResult run;
            try
            {
                run = new Session(program).Run(before.Sample.Inputs, new RunOptions { Set = set, EntryPoint = entry.Name, Observer = trace });
            }
            catch (DiagnosticException e)
            {
                Fail("binary", entry.Name, e);
                continue;
            }
            Compare("binary", entry.Name, [], before.Outputs, run.Outputs, StageTolerance.Exact, "TCC6035", () => FirstWritten(before.Trace, trace, program.Image.Debug));
        }
    }

    /// <summary>Inputs that a program is planned for: those of the graph, or of as much of their sizes as it takes; null when given ones are too large.</summary>
    private Sample? SampleFor(TileProgram tiles)
    {
        SortedDictionary<string, long> dimensions = DimensionBinding.Bind(_graph!, _inputs, _sizes);
        if (tiles.Dimensions.All(d => dimensions[d.Key] <= d.Value.Upper))
        {
            return new Sample(_sizes, _inputs, GraphEvaluator.Inputs(_graph!, _inputs, dimensions), dimensions, _outputs, _values);
        }
        if (given is not null)
        {
            return null;
        }
        SortedDictionary<string, long> sizes = new(_sizes.ToDictionary(s => s.Key, s => long.Min(s.Value, tiles.Dimensions[s.Key].Upper)), StringComparer.Ordinal);
        IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(_graph!, sizes, seed);
        dimensions = DimensionBinding.Bind(_graph!, inputs, sizes);
        (IReadOnlyDictionary<string, Tensor> outputs, Dictionary<Value, Tensor> values) = Evaluate(_graph!, inputs, sizes);
        return new Sample(sizes, inputs, GraphEvaluator.Inputs(_graph!, inputs, dimensions), dimensions, outputs, values);
    }

    private static (IReadOnlyDictionary<string, Tensor> Outputs, Dictionary<Value, Tensor> Values) Evaluate(Graph graph, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> sizes)
    {
        var values = new Dictionary<Value, Tensor>();
        IReadOnlyDictionary<string, Tensor> outputs = GraphEvaluator.Evaluate(graph, inputs, sizes, (node, results) =>
        {
            for (int i = 0; i < results.Count; i++)
            {
                values[node.Outputs[i]] = results[i];
            }
        });
        return (outputs, values);
    }

    private void Compare(
        string stage, string? program, IReadOnlyList<IndexOutput> indices, IReadOnlyDictionary<string, Tensor> before, IReadOnlyDictionary<string, Tensor> after, StageTolerance tolerance,
        string code, Func<string?> blame)
    {
        var errors = new List<ErrorMeasures>();
        var changed = new List<(string Output, string What)>();
        foreach (OutputComparison comparison in OutputComparisons.Of(indices, after, before, tolerance.Rule ?? s_pass.Rule!))
        {
            errors.Add(comparison.Errors);
            if (WhatChanged(comparison, before, after, tolerance) is { } what)
            {
                changed.Add((comparison.Name, what));
            }
        }
        ErrorMeasures? worst = errors.Count == 0 ? null : errors.MaxBy(e => e.MaxGolden == 0 ? e.MaxAbsolute : e.MaxAbsolute / e.MaxGolden);
        if (changed.Count > 0)
        {
            string where = $"{(code == "TCC6008" ? "pass " : "stage ")}{stage}{(program is null ? "" : $" of {program}")}";
            string node = blame() is { } found ? $"{where}, {found}" : where;
            Fail(new StageResult(stage, program, worst, tolerance, [.. changed.Select(c => Diagnostic.Error(code, $"{where} changed the output \"{c.Output}\": {c.What}", node, $"allowed: {tolerance}"))]));
            return;
        }
        _results.Add(new StageResult(stage, program, worst, tolerance, []));
    }

    private static string? WhatChanged(OutputComparison comparison, IReadOnlyDictionary<string, Tensor> before, IReadOnlyDictionary<string, Tensor> after, StageTolerance tolerance)
    {
        if (comparison.Problem is not null || comparison.Indices is not null)
        {
            return comparison.Passed ? null : comparison.Problem ?? comparison.Remarks[0];
        }
        return TensorDifference.Find(before[comparison.Name], after[comparison.Name], tolerance) is { } difference
            ? FormattableString.Invariant($"{difference}, largest error {comparison.Errors.MaxAbsolute:G3} of {comparison.Errors.MaxGolden:G3}") : null;
    }

    /// <summary>A stage whose result cannot be executed at all.</summary>
    private void Fail(string stage, string program, DiagnosticException e) =>
        Fail(new StageResult(stage, program, null, StageTolerance.Exact, [.. e.Diagnostics.Select(d => d with { Message = $"after {stage} of {program}: {d.Message}" })]));

    private void Fail(StageResult result)
    {
        _results.Add(result);
        if (StopsAtDifference)
        {
            throw new DiagnosticException(result.Failures, FailureKind.Failed);
        }
    }

    /// <summary>The first value of the graph that had another content before the pass.</summary>
    private string? FirstChanged(Graph graph, Dictionary<Value, Tensor> values, StageTolerance tolerance)
    {
        var before = _values.DistinctBy(v => v.Key.Name).ToDictionary(v => v.Key.Name, v => v.Value, StringComparer.Ordinal);
        foreach (Node node in graph.Nodes)
        {
            foreach (Value value in node.Outputs)
            {
                Tensor after = values[value];
                if (before.TryGetValue(value.Name, out Tensor? golden) && golden.Type == after.Type && golden.Shape.SequenceEqual(after.Shape) && TensorDifference.Find(golden, after, tolerance) is { } difference)
                {
                    return $"node {GraphVerifier.Describe(node)}: {difference}";
                }
            }
        }
        return null;
    }

    private string? FirstWrongNode(Sample sample, StageTolerance tolerance)
    {
        IReadOnlyDictionary<Value, Tensor> chip;
        try
        {
            chip = NodeValues.OfChip(_graph!, Lower, sample.AllInputs, sample.Dimensions, out _);
        }
        catch (DiagnosticException e)
        {
            return e.Diagnostics[0].ToString();
        }
        var operands = new Dictionary<Value, Tensor>(sample.Values);
        foreach (Value input in _graph!.Inputs)
        {
            operands[input] = GraphEvaluator.Input(_graph, input, sample.AllInputs, sample.Dimensions);
        }
        return NodeValues.FirstWrong(_graph, chip, operands, sample.Dimensions, tolerance.Rule!) is var (node, expected, actual)
            ? $"node {GraphVerifier.Describe(node)}: {TensorDifference.Find(expected, actual, tolerance)}"
            : "no node alone: with the values of all nodes as outputs the difference is gone, so it lies in what nodes hand to each other on the chip";
    }

    private static string? FirstWritten(WriteTrace before, WriteTrace after, IReadOnlyList<DebugEntry> debug) =>
        WriteTrace.FirstDifference(before, after) is var (tag, mnemonic) ? $"node {debug[tag].Node} ({debug[tag].Operation}): {mnemonic} writes something else" : null;

    /// <summary>Inputs, and what the graph makes of them.</summary>
    /// <param name="AllInputs">Those that may be left out too.</param>
    private sealed record Sample(
        IReadOnlyDictionary<string, long> Sizes, IReadOnlyDictionary<string, Tensor> Inputs, IReadOnlyDictionary<string, Tensor> AllInputs, IReadOnlyDictionary<string, long> Dimensions,
        IReadOnlyDictionary<string, Tensor> Outputs, Dictionary<Value, Tensor> Values);

    /// <summary>What the stage before made of a program.</summary>
    private sealed record ProgramRun(Sample Sample, IReadOnlyDictionary<string, Tensor> Outputs, WriteTrace Trace);
}
