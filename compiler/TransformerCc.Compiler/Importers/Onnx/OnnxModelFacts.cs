using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>What an ONNX file says of itself.</summary>
/// <param name="Opsets">Version of each operator set, ONNX itself as "ai.onnx".</param>
/// <param name="Operators">Nodes by operator, those of subgraphs and called functions included; other domains as domain::name.</param>
public sealed record OnnxModelFacts(string Producer, IReadOnlyDictionary<string, long> Opsets, IReadOnlyDictionary<string, int> Operators)
{
    /// <summary>Graphs within graphs are followed as deep as the importer does.</summary>
    private const int MaximumDepth = 32;

    public static OnnxModelFacts Of(OnnxModelFile file)
    {
        var opsets = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (OperatorSetIdProto import in file.Model.OpsetImport)
        {
            opsets[import.Domain.Length == 0 ? "ai.onnx" : import.Domain] = import.Version;
        }
        IEnumerable<NodeProto> nodes = Nodes(file.Model.Graph.Node, 0).Concat(file.Model.Functions.SelectMany(f => Nodes(f.Node, 0)));
        var operators = new SortedDictionary<string, int>(nodes.CountBy(n => OperatorTable.Domain(n.Domain) is { Length: > 0 } domain ? $"{domain}::{n.OpType}" : n.OpType).ToDictionary(), StringComparer.Ordinal);
        return new($"{file.Model.ProducerName} {file.Model.ProducerVersion}".Trim(), opsets, operators);
    }

    private static IEnumerable<NodeProto> Nodes(IEnumerable<NodeProto> nodes, int depth) =>
        depth > MaximumDepth ? [] : nodes.SelectMany(n => n.Attribute.Where(a => a.G is not null).SelectMany(a => Nodes(a.G.Node, depth + 1)).Prepend(n));
}
