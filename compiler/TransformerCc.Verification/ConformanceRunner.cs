using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Verification;

/// <summary>
/// Runs ONNX backend tests through binary and emulator. A model is compiled without constants first; an input is taken
/// from the data set as a constant only when a diagnostic demands it.
/// </summary>
public static class ConformanceRunner
{
    /// <summary>No test of the suite takes a second; what runs longer than this is stuck.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static ConformanceResult Run(ConformanceTest test, CompileOptions options)
    {
        var constants = new SortedDictionary<string, Tensor>(StringComparer.Ordinal);
        try
        {
            return Run(test, options, constants);
        }
        catch (DiagnosticException e)
        {
            return Failed(test, constants, string.Join("; ", e.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(Describe).Distinct()));
        }
        catch (OperationCanceledException)
        {
            return Failed(test, constants, $"the emulator did not end within {s_patience.TotalSeconds} s");
        }
        catch (Exception e)
        {
            // One defect must not hide the results of the other tests.
            return Failed(test, constants, $"a defect of tcc: {e.GetType().Name}: {OneLine(e.Message)}");
        }
    }

    private static ConformanceResult Run(ConformanceTest test, CompileOptions options, SortedDictionary<string, Tensor> constants)
    {
        GraphProto model = OnnxModelFile.Open(test.Model).Model.Graph;
        var initializers = model.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        string[] inputNames = [.. model.Input.Select(i => i.Name).Where(n => !initializers.Contains(n))], outputNames = [.. model.Output.Select(o => o.Name)];
        if (model.Input.Concat(model.Output).FirstOrDefault(v => v.Type is not null && v.Type.TensorType is null) is { } other)
        {
            return new(test.Name, ConformanceOutcome.Skipped, $"{other.Name} is no tensor", [], 0);
        }
        bool isFolded = true;
        long instructions = 0;
        foreach (string dataSet in test.DataSets())
        {
            Dictionary<string, Tensor> inputs = ConformanceTest.Read(dataSet, "input", inputNames), goldens = ConformanceTest.Read(dataSet, "output", outputNames);
            CompilationResult compilation = Compile(test, options, inputs, constants);
            isFolded &= compilation.Graph.Outputs.All(o => o.Value.IsConstant);
            RunResult run = Execute(compilation.Image!, options, inputs);
            instructions += run.Statistics.Instructions;
            if (ConformanceTest.Stranger(dataSet, "output", outputNames.Length) is { } stranger)
            {
                return Failed(test, constants, $"{stranger} is the golden of no output", instructions);
            }
            // The suite is there for the first of equal elements too: indices are exact.
            IReadOnlyList<OutputComparison> outputs = OutputComparisons.Of([], run.Outputs, goldens, Rule(options.Precision));
            if (outputs.FirstOrDefault(o => !o.Passed) is { } result)
            {
                return Failed(test, constants, $"output {result.Name}: {result.Problem ?? FormattableString.Invariant($"largest error {result.Errors.MaxAbsolute:G3} of {result.Errors.MaxGolden:G3}")}", instructions);
            }
            if (outputs.Count == 0)
            {
                return Failed(test, constants, "no output to compare", instructions);
            }
        }
        return new(test.Name, isFolded ? ConformanceOutcome.Folded : ConformanceOutcome.Passed, null, [.. constants.Keys], instructions);
    }

    /// <summary>The rule of the compile precision; outputs of a coarser type have that type's.</summary>
    public static Tolerance Rule(Precision precision) => Tolerance.Of(precision == Precision.F32 ? ElementType.F32 : ElementType.BF16);

    /// <summary>Compiles, giving constants one by one as they are demanded.</summary>
    private static CompilationResult Compile(ConformanceTest test, CompileOptions options, Dictionary<string, Tensor> inputs, SortedDictionary<string, Tensor> constants)
    {
        foreach (string name in constants.Keys.ToArray())
        {
            constants[name] = inputs[name];
        }
        while (true)
        {
            try
            {
                return CompilerDriver.Compile(test.Model, options with { Import = options.Import with { Constants = constants } }, []);
            }
            catch (DiagnosticException e) when (e.Diagnostics.Select(d => d.ConstantsNeeded.FirstOrDefault(n => inputs.ContainsKey(n) && !constants.ContainsKey(n))).Any(n => n is not null))
            {
                foreach (Diagnostic d in e.Diagnostics)
                {
                    if (d.ConstantsNeeded.FirstOrDefault(n => inputs.ContainsKey(n) && !constants.ContainsKey(n)) is { } name)
                    {
                        constants[name] = inputs[name];
                    }
                }
            }
        }
    }

    private static RunResult Execute(ProgramImage image, CompileOptions options, Dictionary<string, Tensor> inputs)
    {
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "model.bin");
        ProgramFile.Write(binary, image);
        using ProgramFile file = ProgramFile.Open(binary);
        using LoadedProgram program = LoadedProgram.Load(file.Image, options.Chip);
        var needed = program.Image.Tensors.Where(t => t.Kind == TensorKind.Input && inputs.ContainsKey(t.Name)).ToDictionary(t => t.Name, t => inputs[t.Name]);
        using var patience = new CancellationTokenSource(s_patience);
        return new Session(program).Run(needed, new RunOptions { Cancellation = patience.Token });
    }

    private static ConformanceResult Failed(ConformanceTest test, SortedDictionary<string, Tensor> constants, string reason, long instructions = 0) =>
        new(test.Name, ConformanceOutcome.Failed, reason, [.. constants.Keys], instructions);

    private static string Describe(Diagnostic d) => $"{d.Code} {OneLine(d.Message)}";

    private static string OneLine(string text) => string.Join(' ', text.Split((char[])['\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
