using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>Our side of a mutant: the importer with the reference evaluator, and the compiler with the emulator.</summary>
internal sealed class OurSide : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Notes and warnings of the last model that was imported.</summary>
    public IReadOnlyList<Diagnostic> Remarks { get; private set; } = [];

    /// <summary>Imports a model and evaluates it; inputs become constants where the importer asks for them.</summary>
    public Answer Evaluate(byte[] model, IReadOnlyDictionary<string, Tensor> inputs, out IReadOnlyDictionary<string, Tensor> constants)
    {
        var given = new SortedDictionary<string, Tensor>(StringComparer.Ordinal);
        constants = given;
        try
        {
            Graph graph = Import(model, inputs, given);
            return Answer.Of(GraphEvaluator.Evaluate(graph, Needed(inputs, graph.Inputs.Select(i => i.Name))));
        }
        catch (DiagnosticException e)
        {
            return Answer.Refused(Describe(e));
        }
    }

    /// <summary>Compiles the same and runs it on the chip.</summary>
    public Answer Execute(byte[] model, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, Tensor> constants)
    {
        string path = Path.Combine(_folder.FullName, "model.onnx");
        File.WriteAllBytes(path, model);
        try
        {
            CompilationResult compiled = CompilerDriver.Compile(path, new CompileOptions { Chip = TestChips.Default, Precision = Precision.F32, Import = new ImportOptions { Constants = constants } }, []);
            using LoadedProgram program = LoadedProgram.Load(compiled.Image!, TestChips.Default);
            return Answer.Of(new Session(program).Run(Needed(inputs, program.Image.Tensors.Select(t => t.Name)), new RunOptions()).Outputs);
        }
        catch (DiagnosticException e) when (e.Kind != FailureKind.Failed)
        {
            return Answer.Refused(Describe(e));
        }
    }

    public void Dispose() => _folder.Dispose();

    private Graph Import(byte[] model, IReadOnlyDictionary<string, Tensor> inputs, SortedDictionary<string, Tensor> constants)
    {
        while (true)
        {
            var diagnostics = new DiagnosticList();
            try
            {
                Graph graph = OnnxImporter.Import(OnnxModelFile.Parse(model, "model.onnx"), new ImportOptions { Constants = constants }, diagnostics);
                Remarks = diagnostics;
                return graph;
            }
            catch (DiagnosticException e) when (e.Diagnostics.Select(d => d.ConstantsNeeded.FirstOrDefault(n => inputs.ContainsKey(n) && !constants.ContainsKey(n))).FirstOrDefault(n => n is not null) is { } name)
            {
                constants[name] = inputs[name];
            }
        }
    }

    private static Dictionary<string, Tensor> Needed(IReadOnlyDictionary<string, Tensor> inputs, IEnumerable<string> names) =>
        names.Where(inputs.ContainsKey).Distinct().ToDictionary(n => n, n => inputs[n], StringComparer.Ordinal);

    private static string Describe(DiagnosticException e) =>
        e.Diagnostics.FirstOrDefault(d => d.Severity == DiagnosticSeverity.Error) is { } first ? $"{first.Code} {first.Message}" : e.Message;
}
