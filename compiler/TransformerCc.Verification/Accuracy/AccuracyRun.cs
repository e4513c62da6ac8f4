using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Verification.Accuracy;

/// <summary>
/// One run of a model twice: every value of the graph after its passes by the float reference, and as the chip computes it.
/// The chip's values come from the tile program: its bits are those of the binary (<see cref="StageVerifier"/> proves it).
/// </summary>
public sealed class AccuracyRun
{
    private AccuracyRun(CompileOptions options, Graph graph, string name, IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, long> sizes)
    {
        (Options, Graph, Name) = (options, graph, name);
        Dimensions = DimensionBinding.Bind(graph, given, sizes);
        Inputs = GraphEvaluator.Inputs(graph, given, Dimensions);
        var reference = graph.Inputs.ToDictionary(v => v, v => GraphEvaluator.Input(graph, v, Inputs, Dimensions));
        ReferenceOutputs = GraphEvaluator.Evaluate(graph, given, sizes, (node, results) =>
        {
            for (int i = 0; i < results.Count; i++)
            {
                reference[node.Outputs[i]] = results[i];
            }
        });
        Reference = reference;
        Chip = NodeValues.OfChip(graph, Lower, Inputs, Dimensions, out IReadOnlyDictionary<string, Tensor> outputs);
        ChipOutputs = outputs;
    }

    public CompileOptions Options { get; }

    /// <summary>After the passes.</summary>
    public Graph Graph { get; }

    /// <summary>The case, or the sizes of the seeded inputs.</summary>
    public string Name { get; }

    public IReadOnlyDictionary<string, long> Dimensions { get; }

    /// <summary>Inputs but states, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Inputs { get; }

    public IReadOnlyDictionary<Value, Tensor> Reference { get; }

    public IReadOnlyDictionary<Value, Tensor> Chip { get; }

    public IReadOnlyDictionary<string, Tensor> ReferenceOutputs { get; }

    public IReadOnlyDictionary<string, Tensor> ChipOutputs { get; }

    /// <summary>Runs a model on the first case of a folder, or on seeded inputs of the largest sizes that are tried.</summary>
    /// <exception cref="DiagnosticException">The model does not compile, or the case is invalid.</exception>
    public static AccuracyRun Of(string modelPath, CompileOptions compile, VerifyOptions options, DiagnosticList diagnostics)
    {
        Graph graph = CompilerDriver.Compile(modelPath, compile with { StopAfter = "graph" }, diagnostics).Graph;
        options.Progress?.Report("values of all nodes");
        if (options.CasesFolder is { } folder)
        {
            Case first = CaseFinder.Find(folder)[0];
            return new AccuracyRun(compile, graph, $"case {first.Name}", TensorFolder.Read(first.InputsFolder, [.. graph.Inputs.Select(i => i.Name)]), new Dictionary<string, long>());
        }
        IReadOnlyDictionary<string, long> sizes = RandomInputs.Sizes(graph)[^1];
        return Of(graph, compile, sizes, options.Seed);
    }

    /// <summary>Runs a graph on seeded inputs.</summary>
    public static AccuracyRun Of(Graph graph, CompileOptions compile, IReadOnlyDictionary<string, long> sizes, ulong seed)
    {
        string name = string.Join(", ", sizes.Select(s => FormattableString.Invariant($"{s.Key}={s.Value}")).Prepend(FormattableString.Invariant($"seed {seed}")));
        return new AccuracyRun(compile, graph, name, RandomInputs.Create(graph, sizes, seed), sizes);
    }

    /// <summary>The outputs of the chip beside those of the reference.</summary>
    public IReadOnlyList<OutputComparison> Compare(IReadOnlyDictionary<string, Tensor> outputs, Tolerance? rule) =>
        OutputComparisons.Of(IndexOutput.Find(Graph), outputs, ReferenceOutputs, rule ?? ModelVerifier.RuleOf(Options.Precision, Graph));

    private Compiler.TileIR.TileProgram Lower(Graph graph) => Tiler.Lower(graph, Options.Chip, Options.Precision);
}
