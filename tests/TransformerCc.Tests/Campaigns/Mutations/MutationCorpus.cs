using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>A model that is valid, and inputs for it.</summary>
internal sealed record MutationSource(string Name, byte[] Model, Func<IReadOnlyDictionary<string, Tensor>> Inputs);

/// <summary>
/// What mutants are made of: operator tests and fusion graphs where they are there, otherwise the small models of the repository.
/// They are found by the operators in them, so that a rare operator is tried as often as a frequent one.
/// </summary>
internal sealed class MutationCorpus
{
    private static readonly Lazy<MutationCorpus> s_loaded = new(() => new MutationCorpus());

    private readonly SortedDictionary<string, List<MutationSource>> _byOperator = new(StringComparer.Ordinal);

    private MutationCorpus()
    {
        List<MutationSource> sources = [.. NodeTests(), .. FusionGraphs()];
        foreach (MutationSource source in sources.Count > 0 ? sources : Small())
        {
            foreach (string name in ModelProto.Parser.ParseFrom(source.Model).Graph.Node.Select(OperatorVocabulary.NameOf).Distinct())
            {
                if (!_byOperator.TryGetValue(name, out List<MutationSource>? list))
                {
                    _byOperator.Add(name, list = []);
                }
                list.Add(source);
            }
        }
        Operators = [.. _byOperator.Keys];
    }

    public static MutationCorpus Loaded => s_loaded.Value;

    public ImmutableArray<string> Operators { get; }

    public IReadOnlyList<MutationSource> With(string name) => _byOperator[name];

    private static IEnumerable<MutationSource> NodeTests()
    {
        string folder = TestData.Get("conformance/onnx-node");
        return Directory.Exists(folder)
            ? ConformanceTest.Find(folder).Select(test => Read(test.Name, test.Model, names => ConformanceTest.Read(test.DataSets()[0], "input", names)))
            : [];
    }

    private static IEnumerable<MutationSource> FusionGraphs()
    {
        string folder = TestData.Get("conformance/ort-fusion");
        return Directory.Exists(folder)
            ? Directory.GetDirectories(folder).Order(StringComparer.Ordinal).Select(graph =>
                Read(Path.GetFileName(graph), Path.Combine(graph, "model.onnx"), names => TensorFolder.Read(CaseFinder.Find(graph)[0].InputsFolder, names)))
            : [];
    }

    private static MutationSource Read(string name, string path, Func<string[], IReadOnlyDictionary<string, Tensor>> inputs)
    {
        byte[] bytes = File.ReadAllBytes(path);
        GraphProto graph = ModelProto.Parser.ParseFrom(bytes).Graph;
        var initializers = graph.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        string[] names = [.. graph.Input.Select(i => i.Name).Where(n => !initializers.Contains(n))];
        return new(name, bytes, () => inputs(names));
    }

    private static IEnumerable<MutationSource> Small() => OnnxSeeds.Small.Select((bytes, i) => new MutationSource($"small model {i}", bytes, () =>
    {
        Graph graph = OnnxImporter.Import(OnnxModelFile.Parse(bytes, "model.onnx"), new ImportOptions(), []);
        return RandomInputs.Create(graph, RandomInputs.Sizes(graph)[0], seed: 1);
    }));
}
