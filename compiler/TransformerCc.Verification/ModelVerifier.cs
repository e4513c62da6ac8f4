using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.Importers;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Verification;

public sealed record VerifyOptions
{
    /// <summary>Folder of cases; null compares a model with the reference evaluator on seeded inputs.</summary>
    public string? CasesFolder { get; init; }

    /// <summary>Null: the rule of the compile precision.</summary>
    public Tolerance? Tolerance { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Also run the emulator's checking mode; a finding fails the case.</summary>
    public bool Check { get; init; }

    /// <summary>Also compare what every stage of the compilation computes with the stage before, on inputs of one size.</summary>
    public bool Stages { get; init; }

    public IProgress<string>? Progress { get; init; }
}

/// <summary>
/// Compiles a model, writes the binary to a file, runs that file on the emulator, and compares every output with what it
/// should be. One binary serves every case.
/// </summary>
public static class ModelVerifier
{
    private const string AgainstGoldens = "golden outputs", AgainstReference = "reference evaluator";

    /// <exception cref="DiagnosticException">The model does not compile, a case is invalid, or the program trapped.</exception>
    public static VerificationResult VerifyModel(string modelPath, CompileOptions compile, VerifyOptions options, DiagnosticList diagnostics)
    {
        StageVerifier? stages = options.Stages ? new StageVerifier(compile, options.Seed, rule: options.Tolerance) { StopsAtDifference = false } : null;
        CompilationResult compilation = CompilerDriver.Compile(modelPath, stages?.Observe(compile) ?? compile, diagnostics);
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "model.bin");
        ProgramFile.Write(binary, compilation.Image!);
        using ProgramFile file = ProgramFile.Open(binary);
        using LoadedProgram program = LoadedProgram.Load(file.Image, compile.Chip);
        diagnostics.AddRange(options.Check ? program.Undecided : []);
        stages?.AfterBinary(program);
        Tolerance rule = options.Tolerance ?? RuleOf(compile.Precision, compilation.Graph);
        if (options.CasesFolder is not null)
        {
            return RunCases(program, IndexOutput.Find(compilation.Graph), rule, options, diagnostics) with { Stages = stages?.Results ?? [], Precision = compile.Precision };
        }
        Graph reference = ModelImporter.Import(modelPath, compile, []).Graph; // its diagnostics are those of the compilation
        var results = new List<CaseResult>();
        foreach (IReadOnlyDictionary<string, long> sizes in RandomInputs.Sizes(reference))
        {
            string name = sizes.Count == 0 ? "random" : string.Join(", ", sizes.Select(s => $"{s.Key}={s.Value}"));
            options.Progress?.Report($"case {name}");
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(reference, sizes, options.Seed);
            IReadOnlyDictionary<string, Tensor> expected = GraphEvaluator.Evaluate(reference, inputs, sizes);
            results.Add(RunCase(program, IndexOutput.Find(reference), name, inputs, sizes, expected, rule, options));
        }
        return new(AgainstReference, rule, results) { Stages = stages?.Results ?? [], Precision = compile.Precision };
    }

    /// <summary>Runs the cases of a folder on a binary.</summary>
    /// <param name="chipOf">Finds the description of the chip that the binary names.</param>
    public static VerificationResult VerifyBinary(string binaryPath, Func<ProgramImage, ChipDescription> chipOf, VerifyOptions options, DiagnosticList diagnostics)
    {
        if (options.CasesFolder is null)
        {
            throw new DiagnosticException(
                Diagnostic.Error("TCC6005", "a binary holds no reference to compare with", binaryPath, "give golden outputs with --cases, or verify the model"), FailureKind.Usage);
        }
        using ProgramFile file = ProgramFile.Open(binaryPath);
        using LoadedProgram program = LoadedProgram.Load(file.Image, chipOf(file.Image));
        diagnostics.AddRange(options.Check ? program.Undecided : []);
        ElementType precision = CompiledPrecision(file.Image);
        return RunCases(program, IndexOutput.Find(file.Image), options.Tolerance ?? Tolerance.Of(precision), options, diagnostics) with { Precision = precision == ElementType.F32 ? Precision.F32 : Precision.BF16 };
    }

    /// <summary>What outputs of a graph may differ by from the reference when it is compiled for a precision.</summary>
    internal static Tolerance RuleOf(Precision precision, Graph graph) => Tolerance.Of(precision == Precision.F32 && !ComputesIn16Bits(graph) ? ElementType.F32 : ElementType.BF16);

    /// <summary>A model whose own arithmetic rounds to 16 bits is no more exact than that, whatever it is compiled with.</summary>
    private static bool ComputesIn16Bits(Graph graph) =>
        graph.Inputs.Concat(graph.Nodes.SelectMany(n => n.Outputs)).Any(v => v.Type.Element is ElementType.F16 or ElementType.BF16);

    /// <summary>The precision a binary was compiled with, from the options it carries.</summary>
    public static ElementType CompiledPrecision(ProgramImage image) =>
        image.Options.Contains("--precision f32") ? ElementType.F32 : ElementType.BF16;

    private static VerificationResult RunCases(LoadedProgram program, IReadOnlyList<IndexOutput> indices, Tolerance rule, VerifyOptions options, DiagnosticList diagnostics)
    {
        string[] Names(TensorKind kind) => [.. program.Image.Tensors.Where(t => t.Kind == kind).Select(t => t.Name)];
        string[] inputs = Names(TensorKind.Input), outputs = Names(TensorKind.Output);
        var results = new List<CaseResult>();
        foreach (Case c in CaseFinder.Find(options.CasesFolder!, diagnostics))
        {
            options.Progress?.Report($"case {c.Name}");
            CaseResult result = RunCase(program, indices, c.Name, TensorFolder.Read(c.InputsFolder, inputs), new Dictionary<string, long>(), TensorFolder.Read(c.OutputsFolder, outputs), rule, options);
            results.Add(result with { Outputs = [.. result.Outputs, .. Strangers(c.OutputsFolder, outputs)] });
        }
        return new(AgainstGoldens, rule, results);
    }

    /// <summary>A golden that nobody compares is a mistake in its name, or in the model's outputs.</summary>
    private static IEnumerable<OutputComparison> Strangers(string folder, string[] outputs) =>
        TensorFolder.Others(folder, outputs).Select(file => OutputComparison.Incomparable(file, $"is the golden of no output; the outputs are {string.Join(", ", outputs.Select(o => $"\"{o}\""))}"));

    private static CaseResult RunCase(
        LoadedProgram program, IReadOnlyList<IndexOutput> indices, string name, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> sizes,
        IReadOnlyDictionary<string, Tensor> expected, Tolerance rule, VerifyOptions options)
    {
        // Sizes that were folded away, or never reach the program, are not the program's to know.
        var set = sizes.Where(s => program.Image.Dimensions.Any(d => d.Name == s.Key)).ToDictionary();
        RunResult run = new Session(program).Run(inputs, new RunOptions { Check = options.Check, Set = set });
        IReadOnlyList<OutputComparison> outputs = OutputComparisons.Of(indices, run.Outputs, expected, rule);
        string shapes = string.Join(", ", inputs.OrderBy(i => i.Key, StringComparer.Ordinal).Select(i => $"{i.Key}[{string.Join(", ", i.Value.Shape.ToArray())}]"));
        return new(name, shapes, run.Statistics.Instructions, outputs, [.. run.Findings.Select(f => f.ToString())]);
    }
}
