using TransformerCc.Compiler.Analysis;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc inspect</c> says of a model.</summary>
/// <param name="Source">What the file says of itself; null for formats that say nothing.</param>
/// <param name="Operators">Graph operators as imported, before any pass.</param>
/// <param name="Parameters">Elements of the weights, those in quantised blocks as what they stand for.</param>
/// <param name="Unsupported">The obstacles to compiling it.</param>
internal sealed record ModelDocument(
    string File, string Name, SourceDocument? Source, IReadOnlyList<TensorDocument> Tensors, IReadOnlyList<DimensionDocument> Dimensions, int Nodes, IReadOnlyDictionary<string, int> Operators,
    long Parameters, ArithmeticDocument? Arithmetic, StructureDocument Structure, FusedDocument Fused, IReadOnlyList<DiagnosticDocument> Unsupported, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static ModelDocument Of(string path, ModelInspection model, SourceDocument? source, ImportOptions options, DiagnosticList diagnostics) => new(
        path, model.Graph.Name, source,
        [
            .. model.Graph.Inputs.Select(v => TensorDocument.Of(v.Name, "input", v.Type)),
            .. model.Graph.Outputs.Select(o => TensorDocument.Of(o.Name, "output", o.Value.Type)),
        ],
        [.. model.Graph.Dimensions.Select(d => new DimensionDocument(d.Key, d.Value.Lower, d.Value.Upper))],
        model.Imported.Values.Sum(), model.Imported, model.Parameters, ArithmeticDocument.Of(model, options), StructureDocument.Of(model.Structure), FusedDocument.Of(model.Summary),
        [.. model.Unsupported.Select(DiagnosticDocument.Of)], [.. diagnostics.Select(DiagnosticDocument.Of)]);

    public void WriteText(TextWriter output)
    {
        output.WriteLine($"{File}: {Numbers.Count(Parameters)} parameters, {Numbers.Count(Nodes)} nodes as imported, {Numbers.Count(Fused.Nodes)} after the passes");
        Source?.WriteText(output);
        output.WriteLine();
        TensorDocument.WriteTable(output, Dimensions, Tensors);
        output.WriteLine();
        if (Arithmetic is null)
        {
            output.WriteLine("operations: beyond 64 bits");
        }
        else
        {
            Arithmetic.WriteText(output);
        }
        output.WriteLine();
        Structure.WriteText(output);
        output.WriteLine($"recognised: {Fused.Text()}");
        output.WriteLine(Fused.ScoreSoftmax == 0 ? "no softmax over a full score matrix remains" : $"{Fused.ScoreSoftmax} softmax over a full score matrix remain: attention was not recognised there");
        output.WriteLine();
        WriteUnsupported(output);
        output.WriteLine();
        var table = new TextTable(Source is null ? "operator as imported" : "operator", ">count");
        foreach ((string name, int count) in (Source?.Operators ?? Operators).OrderByDescending(o => o.Value))
        {
            table.Add(name, Numbers.Count(count));
        }
        table.Write(output);
    }

    private void WriteUnsupported(TextWriter output)
    {
        output.WriteLine(Unsupported.Count == 0 ? "unsupported: nothing" : $"unsupported: {Numbers.Count(Unsupported.Count)}, so that it does not compile as it is; what is said above holds for the part before them");
        foreach (DiagnosticDocument d in Unsupported)
        {
            output.WriteLine($"  {d.Code} {d.Location}: {d.Message}{(d.Help is null ? "" : $"; {d.Help}")}");
        }
    }
}

/// <param name="Operators">Operators as the file names them.</param>
internal sealed record SourceDocument(string Format, string Producer, IReadOnlyDictionary<string, long> Opsets, IReadOnlyDictionary<string, int> Operators)
{
    public static SourceDocument Of(OnnxModelFacts facts) => new("onnx", facts.Producer, facts.Opsets, facts.Operators);

    public void WriteText(TextWriter output) =>
        output.WriteLine($"ONNX{(Producer.Length > 0 ? $" by {Producer}" : "")}, operator sets {string.Join(", ", Opsets.Select(o => FormattableString.Invariant($"{o.Key} {o.Value}")))}");
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
