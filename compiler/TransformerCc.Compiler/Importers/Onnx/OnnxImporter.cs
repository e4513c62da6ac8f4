using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// ONNX to graph IR. Operators are translated one by one, without optimisation; shape arithmetic is evaluated to
/// expressions over the symbolic dimensions. All obstacles of a model are reported in one run.
/// </summary>
public static class OnnxImporter
{
    /// <exception cref="DiagnosticException">The model cannot be imported; holds every error found. <paramref name="diagnostics"/> also gets notes and warnings.</exception>
    public static Graph Import(string path, ImportOptions options, DiagnosticList diagnostics) => Import(OnnxModelFile.Open(path), options, diagnostics);

    public static Graph Import(OnnxModelFile file, ImportOptions options, DiagnosticList diagnostics)
    {
        ImportSession session = Translate(file, options, diagnostics);
        if (!session.Diagnostics.HasErrors)
        {
            return session.Graph;
        }
        // What the operators say of sizes of 0 follows from the option.
        IEnumerable<Diagnostic> empty = session.Dimensions.Empty.Select(name => Diagnostic.Error(ImportCodes.Option, $"--bind {name}=0: operators of the model need elements along '{name}'", null, $"--bind {name}=1 or more"));
        throw new DiagnosticException([.. empty, .. session.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)]);
    }

    /// <summary>
    /// As much of a model as can be imported: where an obstacle stands, the graph ends at the tensors before it. Errors go
    /// to <paramref name="diagnostics"/> with everything else.
    /// </summary>
    public static Graph ImportReachable(OnnxModelFile file, ImportOptions options, DiagnosticList diagnostics)
    {
        ImportSession session = Translate(file, options, diagnostics);
        foreach (Imported end in session.Ends.Where(e => !session.Graph.Outputs.Exists(o => o.Name == e.Name)).DistinctBy(e => e.Name))
        {
            session.Graph.Outputs.Add(new GraphOutput(end.Name, session.Materialize(end)));
        }
        return session.Graph;
    }

    private static ImportSession Translate(OnnxModelFile file, ImportOptions options, DiagnosticList diagnostics)
    {
        var equalities = new DimensionEqualities();
        while (true)
        {
            try
            {
                return Translate(file, options, equalities, diagnostics);
            }
            catch (EqualityFoundException)
            {
                // Each attempt has a symbol less than the one before.
            }
        }
    }

    private static ImportSession Translate(OnnxModelFile file, ImportOptions options, DimensionEqualities equalities, DiagnosticList diagnostics)
    {
        GraphProto model = file.Model.Graph;
        var session = new ImportSession(file, options, equalities);
        NodeScope scope = session.MainScope();
        DeclareInputs(session, scope, model);
        IReadOnlyList<string> outputs = options.Outputs.Count > 0 ? options.Outputs : [.. model.Output.Select(o => o.Name)];
        if (outputs.Count == 0)
        {
            session.Report(ImportCodes.Structure, "the model has no outputs", model.Name, "name the tensors wanted with --outputs");
        }
        foreach (string name in outputs.GroupBy(name => name, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => g.Key))
        {
            session.Report(ImportCodes.Structure, $"two outputs are called '{name}'", "outputs");
        }
        bool isOrdered = session.Run(model.Node, outputs, scope);
        foreach (string name in isOrdered ? outputs : [])
        {
            if (!scope.TryGet(name, session.ReadInitializer, out Imported? value))
            {
                session.Report(options.Outputs.Count > 0 ? ImportCodes.Option : ImportCodes.Structure, $"no tensor of the model is called '{name}'", "outputs");
            }
            else if (value is not null)
            {
                session.Graph.Outputs.Add(new GraphOutput(name, session.Materialize(value)));
            }
        }
        session.Finish();
        diagnostics.AddRange(session.Diagnostics);
        return session;
    }

    private static void DeclareInputs(ImportSession session, NodeScope scope, GraphProto model)
    {
        ImportOptions options = session.Options;
        session.AddInitializers(scope, model);
        session.Dimensions.DeclareNames(model.Input.Where(i => !scope.Defines(i.Name)), options.InputShapes);
        foreach (ValueInfoProto input in model.Input)
        {
            // Until IR version 3 initializers were listed among the inputs as well; they are constants all the same.
            if (scope.Defines(input.Name))
            {
                continue;
            }
            if (input.Name.Length == 0)
            {
                session.Report(ImportCodes.Structure, "an input of the model has no name", "inputs");
                continue;
            }
            try
            {
                TensorType declared = Declared(session.Dimensions, input, options);
                scope.Set(input.Name, options.Constants.TryGetValue(input.Name, out Tensor? data)
                    ? Constant(session, input.Name, declared, data)
                    : new Imported(input.Name, declared) { Value = session.Graph.AddInput(input.Name, declared), DataSources = [input.Name] });
            }
            catch (ImportException e)
            {
                session.Report(e.Code, e.Message, $"input {input.Name}", e.Help);
                scope.Set(input.Name, null);
            }
        }
        session.Dimensions.ApplyGivenBounds();
        foreach ((string option, string name) in options.Constants.Keys.Select(k => ("--const", k)).Concat(options.InputShapes.Keys.Select(k => ("--shape", k))))
        {
            if (!model.Input.Any(i => i.Name == name))
            {
                session.Report(ImportCodes.Option, $"{option}: the model has no input '{name}'", null, $"its inputs are {string.Join(", ", model.Input.Select(i => i.Name))}");
            }
        }
        foreach (string name in options.Bindings.Keys.Where(n => !session.Dimensions.IsDeclared(n)))
        {
            session.Report(ImportCodes.Option, $"--bind: the model has no dimension '{name}'", null, $"its dimensions are {string.Join(", ", session.Dimensions.Declared)}");
        }
    }

    private static Imported Constant(ImportSession session, string name, TensorType declared, Tensor data)
    {
        // A flag is written with or without its dimension: np.save of True, or of [True].
        if (data.Count == 1 && data.Rank != declared.Rank)
        {
            data = data.Reshape([.. Enumerable.Repeat(1L, declared.Rank)]);
        }
        bool fits = data.Type == declared.Element && data.Rank == declared.Rank;
        for (int i = 0; fits && i < data.Rank; i++)
        {
            fits = declared.Shape[i].ConstantValue is not { } size || size == data.Shape[i];
        }
        if (!fits)
        {
            throw new ImportException(ImportCodes.Option, $"--const gives {data.Type.Name()}[{string.Join(", ", data.Shape.ToArray())}], the model declares {declared}");
        }
        Value value = session.Graph.Constant(data, name);
        return new Imported(name, value.Type) { Value = value };
    }

    /// <summary>The declared type of an input. Named dimensions become symbols; unnamed ones are called INPUT_dimI.</summary>
    private static TensorType Declared(DimensionTable dimensions, ValueInfoProto input, ImportOptions options)
    {
        if (input.Type?.TensorType is not { } tensor)
        {
            throw new ImportException(ImportCodes.ElementType, "is no tensor (sequences, maps and optionals are not supported)");
        }
        ElementType element = OnnxElementTypes.Require(tensor.ElemType);
        options.InputShapes.TryGetValue(input.Name, out IReadOnlyList<long>? given);
        if (tensor.Shape is null && given is null)
        {
            throw new ImportException(ImportCodes.Structure, "has no declared shape", $"give one: --shape {input.Name}=1x128");
        }
        if (tensor.Shape is not null && given is not null && given.Count != tensor.Shape.Dim.Count)
        {
            throw new ImportException(ImportCodes.Option, $"--shape gives {given.Count} dimensions, the model declares {tensor.Shape.Dim.Count}");
        }
        var shape = new DimExpr[given?.Count ?? tensor.Shape!.Dim.Count];
        for (int i = 0; i < shape.Length; i++)
        {
            TensorShapeProto.Types.Dimension? dim = tensor.Shape?.Dim[i];
            shape[i] = given is not null && given[i] >= 0 ? given[i]
                : dim is { ValueCase: TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue, DimValue: >= 0 } ? dim.DimValue
                : dimensions.Declare(DimensionTable.NameOf(input, i), ofPast: DimensionTable.IsPast(input, i));
        }
        return new TensorType(element, shape.ToEquatableArray());
    }
}
