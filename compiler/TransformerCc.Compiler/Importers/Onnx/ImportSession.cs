using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>One import: the graph as it grows, the dimensions, and everything there is to report.</summary>
internal sealed class ImportSession
{
    private const int MaximumDepth = 32;
    private const int MaximumNodes = 1_000_000;
    private const int MaximumNamesListed = 8;

    private readonly TensorReader _tensors;
    private readonly OnnxModelFile _file;
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];
    private readonly Dictionary<string, ValueInfoProto> _declared = new(StringComparer.Ordinal);
    private readonly CutPoints _cuts = new();
    private readonly List<string> _doubleArithmetic = [];
    private readonly DimensionEqualities _equalities;
    private int _nodes;

    public ImportSession(OnnxModelFile file, ImportOptions options, DimensionEqualities equalities)
    {
        _equalities = equalities;
        _file = file;
        _tensors = new TensorReader(file.Path, file.Bytes);
        Options = options;
        Graph = new Graph(file.Model.Graph.Name.Length > 0 ? file.Model.Graph.Name : Path.GetFileNameWithoutExtension(file.Path));
        Dimensions = new DimensionTable(Graph.Dimensions, options, Diagnostics, equalities);
        Exact = new ExactArithmetic(Dimensions);
        foreach (FunctionProto function in file.Model.Functions)
        {
            _functions.TryAdd((OperatorTable.Domain(function.Domain), function.Name, function.Overload), function);
        }
        foreach (ValueInfoProto value in file.Model.Graph.ValueInfo.Concat(file.Model.Graph.Output))
        {
            _declared.TryAdd(value.Name, value);
        }
    }

    public Graph Graph { get; }

    public ImportOptions Options { get; }

    public DiagnosticList Diagnostics { get; } = [];

    public DimensionTable Dimensions { get; }

    public ExactArithmetic Exact { get; }

    /// <summary>What nodes read that could not be imported: computed tensors at which the graph would have to end.</summary>
    public List<Imported> Ends { get; } = [];

    /// <summary>Where to end the graph in place of the node of the model that is being translated.</summary>
    public string? CutHelp => _cuts.Help;

    public NodeScope MainScope()
    {
        string location = $"model {_file.Path}";
        ModelVersions.CheckIr(_file.Model, Options, Diagnostics, location);
        if (ModelMetadataKeys.Note(_file.Model, location) is { } note)
        {
            Diagnostics.Add(note);
        }
        foreach (UnreadField field in _file.Unread)
        {
            string text = $"field {field.Number} of a {field.Message} of the file is not read: {field.Meaning}", at = FormattableString.Invariant($"{_file.Path}, byte {field.Offset}");
            Diagnostics.Add(Options.AcceptNewer ? Diagnostic.Warning(ImportCodes.UnreadField, text, at) : Diagnostic.Error(ImportCodes.UnreadField, text, at, "--accept-newer goes on without it"));
        }
        return new(null, Opsets(_file.Model.OpsetImport, location), "");
    }

    /// <summary>The versions of the operator sets that the model or a function of it imports.</summary>
    public ImmutableSortedDictionary<string, long> Opsets(IEnumerable<OperatorSetIdProto> imports, string location) => ModelVersions.Opsets(imports, Options, Diagnostics, location);

    public void Report(string code, string message, string? location, string? help = null) => Diagnostics.Add(Diagnostic.Error(code, message, location, help));

    public Tensor Read(TensorProto proto, string name) => _tensors.Read(proto, name);

    /// <summary>An initializer as a constant of the graph; null, with a diagnostic, when its data cannot be used.</summary>
    public Imported? ReadInitializer(TensorProto proto)
    {
        try
        {
            Value value = Graph.Constant(_tensors.Read(proto, proto.Name), proto.Name);
            return new Imported(proto.Name, value.Type) { Value = value };
        }
        catch (DiagnosticException e)
        {
            // A file that is missing is one cause, however many tensors lie in it.
            Diagnostics.AddRange(e.Diagnostics.Where(d => !Diagnostics.Contains(d)));
            return null;
        }
    }

    /// <summary>The value in the graph; contents known only to the importer become a constant or a shape value.</summary>
    public Value Materialize(Imported imported)
    {
        if (imported.Value is null)
        {
            Contents contents = imported.Contents!;
            if (contents.ToTensor() is { } tensor)
            {
                imported.Value = Graph.Constant(tensor, imported.Name);
            }
            else
            {
                var shape = new ShapeValue(contents.Elements.Select(e => e!.Value.Numerator).ToEquatableArray(), contents.Shape.ToEquatableArray());
                Value value = Graph.Add(shape, [], [imported.Name], imported.Name).Output;
                imported.Value = contents.Type == ElementType.I64 ? value : Graph.Add(new Cast(contents.Type), [value], [imported.Name], imported.Name).Output;
            }
        }
        return imported.Value;
    }

    /// <summary>Adds the constants of a graph to its scope. The same constant twice is a note, two under one name are an error.</summary>
    public void AddInitializers(NodeScope scope, GraphProto graph)
    {
        foreach (TensorProto tensor in graph.Initializer)
        {
            if (scope.AddInitializer(tensor) is not { } earlier)
            {
                continue;
            }
            string location = $"{scope.Prefix}{tensor.Name}";
            if (IsSame(earlier, tensor))
            {
                Diagnostics.Add(Diagnostic.Note(ImportCodes.SameConstant, $"two constants of the same content are called '{tensor.Name}'", location));
            }
            else
            {
                Report(ImportCodes.Structure, $"two different constants are called '{tensor.Name}'", location);
            }
        }
        foreach (string name in graph.Node.SelectMany(n => n.Output).Where(o => o.Length > 0 && scope.IsInitializer(o)).Distinct())
        {
            Report(ImportCodes.Structure, $"a constant and the output of a node are called '{name}'", $"{scope.Prefix}{name}");
        }
    }

    private bool IsSame(TensorProto a, TensorProto b)
    {
        try
        {
            Tensor x = _tensors.Read(a, a.Name), y = _tensors.Read(b, b.Name);
            return x.Type == y.Type && x.Shape.SequenceEqual(y.Shape) && x.Data.Span.SequenceEqual(y.Data.Span);
        }
        catch (DiagnosticException)
        {
            // Told when the constant is read.
            return false;
        }
    }

    /// <summary>Translates the nodes that <paramref name="wanted"/> needs; false when they have no order, which has been reported.</summary>
    public bool Run(IReadOnlyList<NodeProto> nodes, IEnumerable<string> wanted, NodeScope scope)
    {
        IReadOnlyList<NodeProto> order;
        try
        {
            order = NodeOrder.Sort(nodes, wanted);
        }
        catch (ImportException e)
        {
            Report(e.Code, e.Message, scope.Prefix.Length > 0 ? scope.Prefix : Graph.Name, e.Help);
            return false;
        }
        foreach (NodeProto node in order)
        {
            Import(node, scope);
        }
        return true;
    }

    /// <summary>Translates the body of a function or a chosen branch; gives its outputs, null where one could not be imported.</summary>
    public IReadOnlyList<Imported?> Inline(IReadOnlyList<NodeProto> nodes, IReadOnlyList<string> outputs, NodeScope scope)
    {
        if (scope.Depth > MaximumDepth)
        {
            throw new ImportException(ImportCodes.Limit, $"graphs and functions are nested more than {MaximumDepth} deep");
        }
        if (!Run(nodes, outputs, scope))
        {
            return [.. outputs.Select(_ => (Imported?)null)];
        }
        return [.. outputs.Select(o => scope.TryGet(o, ReadInitializer, out Imported? value) ? value
            : throw new ImportException(ImportCodes.Structure, $"its output '{o}' is not computed"))];
    }

    /// <summary>Remembers a node that computes in float64.</summary>
    public void NoteDoubleArithmetic(string label) => _doubleArithmetic.Add(label);

    public void Finish()
    {
        if (_doubleArithmetic.Count > 0)
        {
            Diagnostics.Add(Diagnostic.Warning(ImportCodes.DoubleArithmetic, "float64 is stored as 64 bits, arithmetic on it runs in float32", Nodes([.. _doubleArithmetic.Distinct()]), "export the model in float32"));
        }
        foreach ((string symbol, DimExpr equal, string location) in _equalities.Found)
        {
            Diagnostics.Add(Diagnostic.Note(ImportCodes.EqualDimensions, $"{symbol} is {_equalities.Resolve(equal)}: the operator takes them to be equal", location));
        }
        CheckSizes();
        Dimensions.Report();

        static string Nodes(List<string> labels) =>
            $"nodes {string.Join(", ", labels.Take(MaximumNamesListed))}{(labels.Count > MaximumNamesListed ? $" and {labels.Count - MaximumNamesListed} more" : "")}";
    }

    /// <summary>
    /// Sizes that no machine holds are refused here, so that the arithmetic on sizes after the import needs no care. The
    /// limit is on the constant factors of an element count: bounds of symbolic dimensions are only bounds.
    /// </summary>
    private void CheckSizes()
    {
        foreach ((Value value, string location) in Graph.Inputs.Select(v => (v, $"input {v.Name}")).Concat(Graph.Nodes.SelectMany(n => n.Outputs.Select(v => (v, $"node {string.Join(", ", n.Sources)}")))))
        {
            bool fits;
            try
            {
                fits = value.Type.Shape.All(Fits) && Fits(value.Type.Count);
            }
            catch (OverflowException)
            {
                fits = false;
            }
            if (!fits)
            {
                Report(ImportCodes.Limit, $"{value} is {value.Type}: at most 2^40 elements are possible", location);
            }
        }
    }

    private static bool Fits(DimExpr size) => size.Terms.All(t => t.Coefficient is >= -TensorReader.MaximumElements and <= TensorReader.MaximumElements);

    private void Import(NodeProto proto, NodeScope scope)
    {
        var node = new NodeContext(this, scope, proto);
        if (scope.Depth == 0)
        {
            _cuts.Reset();
        }
        try
        {
            if (++_nodes > MaximumNodes)
            {
                throw new ImportException(ImportCodes.Limit, $"more than {MaximumNodes} nodes once functions are inlined");
            }
            bool known = node.ResolveInputs();
            if (scope.Depth == 0)
            {
                _cuts.Begin(node);
            }
            if (_functions.TryGetValue((OperatorTable.Domain(proto.Domain), proto.OpType, proto.Overload), out FunctionProto? function))
            {
                known &= Accept(node, FunctionInliner.Check(proto, function));
                if (known)
                {
                    FunctionInliner.Inline(node, function);
                    node.CheckOutputs();
                }
            }
            else
            {
                // What is wrong with the node itself is told even behind another obstacle.
                OperatorEntry entry = OperatorTable.Find(node);
                node.Signature = entry.Signature(node.Opset)!;
                known &= Accept(node, SignatureCheck.Of(proto, entry, node.Signature));
                Diagnostics.AddRange(SignatureCheck.Assumptions(proto, node.Signature).Select(text => Diagnostic.Warning(ImportCodes.Assumption, $"{proto.OpType}: {text}", node.Location)));
                if (known)
                {
                    OperatorTable.Translate(node, entry);
                    node.CheckOutputs();
                }
            }
        }
        catch (ImportException e)
        {
            Diagnostics.Add(Diagnostic.Error(e.Code, $"{proto.OpType}: {e.Message}", node.Location, e.Help ?? _cuts.Help) with { ConstantsNeeded = e.ConstantsNeeded });
        }
        catch (ShapeException e)
        {
            if (e.Differing is (var first, var second) && (_equalities.Unify(first, second, Dimensions.Order, node.Location) || (Dimensions.HasExpressions && _equalities.DistrustExpressions())))
            {
                throw new EqualityFoundException();
            }
            Report(ImportCodes.Shape, $"{proto.OpType}: {e.Message}", node.Location, ShapeHelp.For(node, Dimensions) ?? _cuts.Help);
        }
        catch (DiagnosticException e)
        {
            Diagnostics.AddRange(e.Diagnostics.Select(d => d with { Location = $"{d.Location}, {node.Location}" }));
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            Report(ImportCodes.BadNode, $"{proto.OpType}: a size or an attribute is out of range ({e.Message})", node.Location);
        }
        if (node.Results().Any(r => r.Value is null))
        {
            Ends.AddRange(node.Present.Where(i => i.Value is { Producer: not null }));
            if (scope.Depth == 0)
            {
                _cuts.Fail(node);
            }
        }
        foreach ((string name, Imported? value) in node.Results())
        {
            scope.Set(name, value);
            if (value is not null && scope.Depth == 0 && _declared.TryGetValue(name, out ValueInfoProto? declared))
            {
                CheckDeclared(declared, value.Type, node.Location);
            }
        }
    }

    /// <summary>Reports what a node has that its operator does not; true when there is nothing.</summary>
    private bool Accept(NodeContext node, IEnumerable<SignatureCheck.Problem> problems)
    {
        bool isAccepted = true;
        foreach (SignatureCheck.Problem problem in problems)
        {
            isAccepted = false;
            Report(ImportCodes.BadNode, $"{node.Proto.OpType}: {problem.Message}", node.Location, problem.Help);
        }
        return isAccepted;
    }

    private void CheckDeclared(ValueInfoProto declared, TensorType actual, string location)
    {
        if (declared.Type?.TensorType is not { } tensor)
        {
            return;
        }
        bool differs = OnnxElementTypes.Find(tensor.ElemType) is { } element && element != actual.Element;
        if (tensor.Shape is { } shape)
        {
            differs |= shape.Dim.Count != actual.Rank
                || shape.Dim.Where((d, i) => d.DimValue > 0 && Dimensions.Bounds(actual.Shape[i]) is var b && (d.DimValue < b.Lower || d.DimValue > b.Upper)).Any();
        }
        if (differs)
        {
            string dims = tensor.Shape is null ? "" : $"[{string.Join(", ", tensor.Shape.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : $"{d.DimValue}"))}]";
            Diagnostics.Add(Diagnostic.Warning(ImportCodes.DeclaredType, $"tensor {declared.Name} is declared as {OnnxElementTypes.Name(tensor.ElemType)}{dims}, its operator gives {actual}: this holds", location));
        }
    }
}
