using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc inspect</c> says of a model.</summary>
/// <param name="Operators">Graph operators as imported, before any pass.</param>
/// <param name="Parameters">Elements of the float constants.</param>
internal sealed record ModelDocument(
    string File, string Name, IReadOnlyList<TensorDocument> Tensors, IReadOnlyList<DimensionDocument> Dimensions, int Nodes, IReadOnlyDictionary<string, int> Operators,
    long Parameters, FusedDocument Fused, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    /// <summary>Describes an imported graph, then runs the passes over it to count what they recognise.</summary>
    public static ModelDocument Of(string path, Graph graph, DiagnosticList diagnostics)
    {
        TensorDocument[] tensors =
        [
            .. graph.Inputs.Select(v => TensorDocument.Of(v.Name, "input", v.Type)),
            .. graph.Outputs.Select(o => TensorDocument.Of(o.Name, "output", o.Value.Type)),
        ];
        var operators = new SortedDictionary<string, int>(graph.Nodes.CountBy(n => n.Op.Name).ToDictionary(), StringComparer.Ordinal);
        int nodes = graph.Nodes.Count;
        long parameters = graph.Nodes.SelectMany(n => n.Inputs).Distinct().Where(v => v.IsConstant && v.Type.Element.IsFloat()).Sum(v => v.ConstantData!.Count);
        GraphPipeline.Run(graph, new PassContext { Diagnostics = diagnostics });
        return new(path, graph.Name, tensors, [.. graph.Dimensions.Select(d => new DimensionDocument(d.Key, d.Value.Lower, d.Value.Upper))], nodes, operators, parameters,
            FusedDocument.Of(GraphSummary.Count(graph)), [.. diagnostics.Select(DiagnosticDocument.Of)]);
    }

    public void WriteText(TextWriter output)
    {
        output.WriteLine($"{File}: {Numbers.Count(Parameters)} parameters, {Numbers.Count(Nodes)} nodes as imported, {Numbers.Count(Fused.Nodes)} after the passes");
        output.WriteLine();
        TensorDocument.WriteTable(output, Dimensions, Tensors);
        output.WriteLine();
        output.WriteLine($"recognised: {Fused.Text()}");
        output.WriteLine(Fused.ScoreSoftmax == 0 ? "no softmax over a full score matrix remains" : $"{Fused.ScoreSoftmax} softmax over a full score matrix remain: attention was not recognised there");
        output.WriteLine();
        var table = new TextTable("operator as imported", ">count");
        foreach ((string name, int count) in Operators.OrderByDescending(o => o.Value))
        {
            table.Add(name, Numbers.Count(count));
        }
        table.Write(output);
    }
}

/// <summary>Operators after the passes; silu and gelu count those inside linear and gated operators too.</summary>
internal sealed record FusedDocument(
    int Nodes, int Attention, int CausalAttention, int GroupedAttention, int LayerNorm, int RmsNorm, int Rope, int Gelu, int Silu, int Gated, int Linear, int MatMul, int ScoreSoftmax)
{
    public static FusedDocument Of(GraphSummary s) =>
        new(s.Nodes, s.Attention, s.CausalAttention, s.GroupedAttention, s.LayerNorm, s.RmsNorm, s.Rope, s.Gelu, s.Silu, s.Gated, s.Linear, s.MatMul, s.ScoreSoftmax);

    public string Text()
    {
        (string Name, int Count)[] kinds =
        [
            ("attention", Attention), ("layer norm", LayerNorm), ("RMS norm", RmsNorm), ("rotary", Rope), ("GELU", Gelu), ("SiLU", Silu), ("gated", Gated), ("linear", Linear), ("other products", MatMul),
        ];
        string text = string.Join(", ", kinds.Where(k => k.Count > 0).Select(k => $"{k.Name} {Numbers.Count(k.Count)}"));
        return text.Length == 0 ? "nothing" : text;
    }
}
