using Microsoft.ML.OnnxRuntime;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Verification;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>What a campaign counts.</summary>
internal sealed record TrialCounts
{
    public int Compilations { get; set; }

    /// <summary>Compilations that ended with exit code 4, before the chip grew.</summary>
    public int DidNotFit { get; set; }

    public int Runs { get; set; }

    /// <summary>Comparisons where rounding weights as much as the result differed.</summary>
    public int Sensitive { get; set; }

    public static TrialCounts operator +(TrialCounts a, TrialCounts b) => new()
    {
        Compilations = a.Compilations + b.Compilations,
        DidNotFit = a.DidNotFit + b.DidNotFit,
        Runs = a.Runs + b.Runs,
        Sensitive = a.Sensitive + b.Sensitive,
    };
}

/// <summary>
/// One model of random choices: compiled for a random chip in f32, bf16 or both, through the binary file, run in checking mode;
/// the reference evaluator and ONNX Runtime must agree, and at times another chip must give the same bits.
/// </summary>
internal sealed class ModelTrial : IDisposable
{
    /// <summary>A result may differ this many times as much as one of weights and inputs that are rounded.</summary>
    private const double SensitivityFactor = 16;

    private const int Disturbances = 3;

    private readonly TemporaryFolder _folder = new();

    public TrialCounts Counts { get; } = new();

    public void Dispose() => _folder.Dispose();

    /// <exception cref="ModelFailure">Something is wrong; its kind tells failures of one cause from others.</exception>
    public void Run(Choices choices)
    {
        RandomModel model = RandomModel.Make(choices);
        ChipDescription chip = RandomChips.Make(choices);
        Precision[] precisions = choices.Pick<Precision[]>([Precision.F32], [Precision.BF16], [Precision.F32, Precision.BF16], [Precision.BF16]);
        ChipDescription? other = choices.OneIn(3) ? RandomChips.WithRoom(RandomChips.Make(choices)) : null;
        chip = other is null ? chip : RandomChips.WithRoom(chip);
        byte[] bytes = model.Builder.Bytes();
        string path = Path.Combine(_folder.FullName, "model.onnx");
        File.WriteAllBytes(path, bytes);
        Graph graph = ModelFailure.Of("import", () => OnnxImporter.Import(OnnxModelFile.Parse(bytes, "model.onnx"), model.Options, []));
        // A size may be known as an expression of others, and be none of the graph.
        model = model with { Sizes = [.. model.Sizes.Select(size => size.Where(d => graph.Dimensions.ContainsKey(d.Key)).ToDictionary())] };
        IReadOnlyDictionary<string, Tensor>[] inputs = [.. model.Sizes.Select((size, i) => Inputs(model, graph, size, (ulong)i))];
        IReadOnlyDictionary<string, Tensor>[] golden = [.. inputs.Select((given, i) => ModelFailure.Of("evaluate", () => GraphEvaluator.Evaluate(graph, given, model.Sizes[i])))];
        CompareWithOracle(bytes, choices, inputs, golden);
        foreach (Precision precision in precisions)
        {
            RunResult[] results = RunOn(path, model, chip, precision, inputs);
            for (int i = 0; i < results.Length; i++)
            {
                Compare($"{precision}", precision, choices, i, golden[i], results[i].Outputs);
            }
            if (other is not null)
            {
                SameBits(precision, [chip, other], results, RunOn(path, model, other, precision, inputs));
            }
        }
    }

    private RunResult[] RunOn(string path, RandomModel model, ChipDescription chip, Precision precision, IReadOnlyDictionary<string, Tensor>[] inputs)
    {
        (CompilationResult compiled, chip) = Compile(path, model, chip, precision);
        string binary = Path.Combine(_folder.FullName, "model.bin");
        ProgramFile.Write(binary, compiled.Image!);
        using LoadedProgram program = ModelFailure.Of("load", () => LoadedProgram.Open(binary, chip));
        foreach (EntryPoint entry in program.Image.EntryPoints)
        {
            IReadOnlyList<Finding> findings = StaticChecks.Run(entry);
            ModelFailure.If(findings.Count > 0, "static check", () => string.Join("\n", findings));
        }
        var session = new Session(program);
        return [.. inputs.Select((given, i) =>
        {
            RunResult run = ModelFailure.Of("run", () => session.Run(given, new TransformerCc.Runtime.RunOptions { Check = true, Set = model.Sizes[i] }));
            Counts.Runs++;
            ModelFailure.If(run.Findings.Count > 0, "race", () => string.Join("\n", run.Findings));
            return run;
        })];
    }

    /// <summary>A chip on which the model does not fit grows until it does.</summary>
    private (CompilationResult Result, ChipDescription Chip) Compile(string path, RandomModel model, ChipDescription chip, Precision precision)
    {
        while (true)
        {
            try
            {
                Counts.Compilations++;
                return (ModelFailure.Of("compile", () => CompilerDriver.Compile(path, new CompileOptions { Chip = chip, Precision = precision, Import = model.Options }, [])), chip);
            }
            catch (ModelFailure e) when (e.InnerException is DiagnosticException { Kind: FailureKind.DoesNotFit } && RandomChips.Grow(chip) is { } larger)
            {
                Counts.DidNotFit++;
                chip = larger;
            }
        }
    }

    private static Dictionary<string, Tensor> Inputs(RandomModel model, Graph graph, IReadOnlyDictionary<string, long> size, ulong seed)
    {
        Dictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed).ToDictionary(StringComparer.Ordinal);
        foreach (string name in model.VisibleFirst.Where(inputs.ContainsKey))
        {
            Tensor mask = inputs[name];
            double[] values = TensorMath.Doubles(mask);
            int row = (int)mask.Shape[^1];
            for (int i = 0; i < values.Length; i += row)
            {
                values[i] = 1;
            }
            inputs[name] = TensorMath.FromLongs(mask.Type, mask.Shape.ToArray(), Array.ConvertAll(values, v => (long)v));
        }
        return inputs;
    }

    private void CompareWithOracle(byte[] model, Choices choices, IReadOnlyDictionary<string, Tensor>[] inputs, IReadOnlyDictionary<string, Tensor>[] evaluated)
    {
        using var options = new SessionOptions { GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL, IntraOpNumThreads = 1, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using InferenceSession oracle = ModelFailure.Of("oracle", () => new InferenceSession(model, options));
        for (int i = 0; i < inputs.Length; i++)
        {
            IReadOnlyDictionary<string, Tensor> golden = ModelFailure.Of("oracle", () => SecondOracle.Run(oracle, inputs[i]));
            Compare("reference", Precision.F32, choices, i, golden, evaluated[i]);
        }
    }

    private void Compare(string what, Precision precision, Choices choices, int run, IReadOnlyDictionary<string, Tensor> golden, IReadOnlyDictionary<string, Tensor> actual)
    {
        Tolerance tolerance = Tolerance.Of(precision == Precision.F32 ? ElementType.F32 : ElementType.BF16);
        Dictionary<string, double>? sensitivity = null;
        foreach ((string name, Tensor expected) in golden)
        {
            Tensor result = actual[name];
            ModelFailure.If(!expected.Shape.SequenceEqual(result.Shape), $"{what} shape", () => $"{name}: [{string.Join(", ", result.Shape.ToArray())}] instead of [{string.Join(", ", expected.Shape.ToArray())}]");
            double[] e = TensorMath.Doubles(expected), a = TensorMath.Doubles(result);
            ErrorMeasures errors = ErrorMeasures.Of(a, e);
            if (errors.MaxAbsolute == 0 || tolerance.Accepts(errors, a, e))
            {
                continue;
            }
            sensitivity ??= Sensitivity(choices.Made, run, precision);
            ModelFailure.If(!(errors.MaxAbsolute <= SensitivityFactor * sensitivity[name]), $"{what} differs",
                () => FormattableString.Invariant($"{name} in run {run}: largest error {errors.MaxAbsolute:G3} of {errors.MaxGolden:G3}, cosine {errors.Cosine:F6}; rounding weights and inputs changes {sensitivity[name]:G3}"));
            Counts.Sensitive++;
        }
    }

    /// <summary>How far each output moves, at most, when weights and inputs are rounded as the precision rounds them.</summary>
    private static Dictionary<string, double> Sensitivity(IReadOnlyList<int> made, int run, Precision precision)
    {
        double relative = precision == Precision.F32 ? 1.0 / (1 << 22) : 1.0 / (1 << 8);
        IReadOnlyDictionary<string, Tensor>[] results = [.. Enumerable.Range(0, Disturbances + 1).Select(i => Evaluate(i == 0 ? 0 : relative, (ulong)i))];
        return results[0].ToDictionary(r => r.Key, r => results.Skip(1).Max(o => ErrorMeasures.Of(TensorMath.Doubles(o[r.Key]), TensorMath.Doubles(r.Value)).MaxAbsolute));

        IReadOnlyDictionary<string, Tensor> Evaluate(double disturbance, ulong seed)
        {
            RandomModel model = RandomModel.Make(new Choices(made), disturbance, seed);
            Graph graph = OnnxImporter.Import(OnnxModelFile.Parse(model.Builder.Bytes(), "model.onnx"), model.Options, []);
            Dictionary<string, Tensor> inputs = Inputs(model, graph, model.Sizes[run], (ulong)run);
            var random = new CampaignRandom(seed);
            foreach ((string name, Tensor input) in inputs.Where(i => disturbance > 0 && i.Value.Type.IsFloat()).ToArray())
            {
                inputs[name] = TensorMath.FromDoubles(input.Type, input.Shape.ToArray(), Array.ConvertAll(TensorMath.Doubles(input), v => v * (1 + (disturbance * ((random.Below(2001) / 1000.0) - 1)))));
            }
            return GraphEvaluator.Evaluate(graph, inputs, model.Sizes[run]);
        }
    }

    private static void SameBits(Precision precision, ChipDescription[] chips, RunResult[] results, RunResult[] others)
    {
        for (int i = 0; i < results.Length; i++)
        {
            foreach ((string name, Tensor tensor) in results[i].Outputs)
            {
                Tensor other = others[i].Outputs[name];
                ModelFailure.If(!tensor.Data.Span.SequenceEqual(other.Data.Span), $"{precision} bits differ", () => FormattableString.Invariant(
                    $"{name} in run {i}: at most {ErrorMeasures.Of(TensorMath.Doubles(tensor), TensorMath.Doubles(other)).MaxAbsolute:G3} between two chips; {string.Join("; ", chips.Select(c => $"{c.Matrix} {c.Memory} {c.Dma}"))}"));
            }
        }
    }
}
