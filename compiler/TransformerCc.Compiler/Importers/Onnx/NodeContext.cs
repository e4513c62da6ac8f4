using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// One node while it is translated: its inputs, attributes and results. Operators read and write through this; the file
/// NodeBuilder.cs adds the making of graph nodes.
/// </summary>
internal sealed partial class NodeContext(ImportSession session, NodeScope scope, NodeProto proto)
{
    private readonly Imported?[] _inputs = new Imported?[proto.Input.Count];
    private readonly Imported?[] _results = new Imported?[proto.Output.Count];
    private readonly bool[] _isSet = new bool[proto.Output.Count];
    private readonly Dictionary<string, AttributeProto> _attributes = proto.Attribute.GroupBy(a => a.Name).ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);

    public ImportSession Session => session;

    /// <summary>What the node may have; null of one that calls a function.</summary>
    public OperatorSignature? Signature { get; set; }

    public NodeScope Scope => scope;

    public NodeProto Proto => proto;

    public ExactArithmetic Exact => session.Exact;

    public DimensionTable Dimensions => session.Dimensions;

    /// <summary>The version of the operator set the node is written for; null when the model does not import its domain.</summary>
    public long? ImportedOpset => scope.Opsets.TryGetValue(OperatorTable.Domain(proto.Domain), out long version) ? version : null;

    public long Opset => ImportedOpset ?? 1;

    /// <summary>The node's name, or that of its first output.</summary>
    public string Label { get; } = scope.Prefix + (proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault(o => o.Length > 0) ?? proto.OpType);

    public string Location => $"node {Label} ({proto.OpType})";

    public int InputCount => _inputs.Length;

    public int OutputCount => _results.Length;

    /// <summary>The types of the inputs that are present.</summary>
    public IReadOnlyList<TensorType> InputTypes => [.. Present.Select(i => i.Type)];

    /// <summary>Finds the inputs; false when one could not be imported, so that this node cannot be either.</summary>
    public bool ResolveInputs()
    {
        bool known = true;
        for (int i = 0; i < _inputs.Length; i++)
        {
            if (proto.Input[i].Length == 0)
            {
                continue;
            }
            if (!scope.TryGet(proto.Input[i], session.ReadInitializer, out _inputs[i]))
            {
                throw new ImportException(ImportCodes.Structure, $"its input '{proto.Input[i]}' is computed by no node and is no input of the model");
            }
            known &= _inputs[i] is not null;
        }
        return known;
    }

    public Imported? Optional(int index) => index < _inputs.Length ? _inputs[index] : null;

    public Imported Input(int index) => Optional(index) ?? throw ImportException.Invalid($"input {index} is missing");

    /// <summary>The inputs that are present and could be imported.</summary>
    public IEnumerable<Imported> Present => _inputs.OfType<Imported>();

    public IEnumerable<Imported> Inputs => Enumerable.Range(0, InputCount).Select(Input);

    public TensorType Type(int index) => Input(index).Type;

    public EquatableArray<DimExpr> Shape(int index) => Input(index).Type.Shape;

    public int Rank(int index) => Input(index).Type.Rank;

    /// <summary>What is known of an input's elements; null when it is data.</summary>
    public Contents? Contents(int index) => Optional(index)?.Contents;

    /// <summary>An input as a value of the graph.</summary>
    public Value Value(int index) => session.Materialize(Input(index));

    /// <summary>The one element of a constant input; null when it is not constant or has more elements.</summary>
    public double? Scalar(int index) =>
        Optional(index)?.Value?.ConstantData is { Count: 1 } data ? GraphIR.Operators.TensorMath.Doubles(data)[0]
        : Contents(index) is { Elements: [{ Constant: { } value }] } ? value : null;

    /// <summary>The elements of an input that must be integer expressions of the model's dimensions.</summary>
    public DimExpr[] Dims(int index, string what)
    {
        if (Contents(index) is { } contents && contents.Elements.All(e => e?.Integer is not null))
        {
            return [.. contents.Elements.Select(e => e!.Value.Numerator)];
        }
        throw NotKnown(index, what);
    }

    /// <summary>The elements of an input that must be constant integers.</summary>
    public long[] Integers(int index, string what)
    {
        if (Contents(index) is { } contents && contents.Elements.All(e => e?.Constant is not null))
        {
            return [.. contents.Elements.Select(e => e!.Value.Constant!.Value)];
        }
        throw NotKnown(index, what);
    }

    /// <summary>An input that must be one integer expression of the model's dimensions.</summary>
    public DimExpr Dim(int index, string what) => One(Dims(index, what), what);

    /// <summary>An input that must be one constant integer.</summary>
    public long Integer(int index, string what) => One(Integers(index, what), what);

    private static T One<T>(T[] elements, string what) => elements is [var one] ? one : throw ImportException.Invalid($"{what} has {elements.Length} elements in place of one");

    public long? OptionalInt(string name) =>
        Read(name, AttributeKind.Int) is { } a ? Signature?.Attributes.FirstOrDefault(d => d.Name == name)?.Read(a.I) ?? a.I : null;

    public long Int(string name, long otherwise) => OptionalInt(name) ?? otherwise;

    public long[]? Ints(string name) => Read(name, AttributeKind.Ints) is { } a ? [.. a.Ints] : null;

    public float? OptionalFloat(string name) => Read(name, AttributeKind.Float)?.F;

    public float Float(string name, float otherwise) => OptionalFloat(name) ?? otherwise;

    public float[]? Floats(string name) => Read(name, AttributeKind.Floats) is { } a ? [.. a.Floats] : null;

    public string Text(string name, string otherwise) => Read(name, AttributeKind.Text)?.S.ToStringUtf8() ?? otherwise;

    public TensorProto? TensorAttribute(string name) => Read(name, AttributeKind.Tensor)?.T;

    public GraphProto? GraphAttribute(string name) => Read(name, AttributeKind.Graph)?.G;

    /// <summary>
    /// An attribute, null when the node does not have it. Operators that share a translation may ask for what only one of them
    /// has: a node of the others that has it was refused before. What none declares is a mistake of ours.
    /// </summary>
    private AttributeProto? Read(string name, AttributeKind kind) => OperatorTable.Declares(name, kind) ? _attributes.GetValueOrDefault(name)
        : throw new InvalidOperationException($"{proto.OpType} reads the attribute {name} ({kind}), which no operator declares");

    /// <summary>Integers that older operator sets have as an attribute and newer ones as a constant input; null when neither is there.</summary>
    public long[]? IntsOrInput(string name, int input) => Ints(name) ?? (Optional(input) is null ? null : Integers(input, name));

    /// <summary>The refusal of an input that must be known at import and is not.</summary>
    public ImportException NotKnown(int index, string what)
    {
        Imported input = Input(index);
        if (input.DataSources.Count == 0)
        {
            string[] names = input.Dimensions.IsEmpty ? [.. Dimensions.Declared] : [.. input.Dimensions];
            return new ImportException(ImportCodes.DataDependent,
                $"{what}, from tensor {input.Name}, is computed from {string.Join(", ", names)} and differs between sizes, or could not be proved to be the same for all of them",
                $"fix what it is computed from: --bind {string.Join(' ', names.Select(d => $"{d}=N"))} (or DIM=..N where a smaller bound decides it)");
        }
        string sources = string.Join(", ", input.DataSources);
        return new ImportException(ImportCodes.DataDependent, $"{what}, from tensor {input.Name}, depends on the data of {sources}; it must be known at compile time",
            $"give {(input.DataSources.Count == 1 ? "that input" : "one of them")} as a constant: --const {input.DataSources[0]}=FILE.npy{(session.CutHelp is { } cut ? $"; or {cut}" : "")}")
        {
            ConstantsNeeded = input.DataSources,
        };
    }

    /// <summary>Sets a result to a value of the graph.</summary>
    public void Return(Value value, int output = 0, Contents? contents = null)
    {
        if (output < _results.Length)
        {
            ImmutableSortedSet<string> sources = Present.Aggregate(ImmutableSortedSet<string>.Empty, (s, i) => s.Union(i.DataSources));
            Forward(new Imported(Proto.Output[output], value.Type) { Value = value, DataSources = sources, Dimensions = ReadDimensions(contents), Contents = contents }, output);
        }
    }

    public bool IsNamed(int output) => output < _results.Length && Proto.Output[output].Length > 0;

    /// <summary>Sets an optional result, which is made only if the model gives it a name.</summary>
    public void ReturnIfNamed(Func<Value> make, int output)
    {
        if (IsNamed(output))
        {
            Return(make(), output);
        }
    }

    /// <summary>Sets a result to contents that the importer knows; the graph gets a node only if they are used as data.</summary>
    public void Return(Contents contents, int output = 0) =>
        Forward(new Imported(Proto.Output[output], new TensorType(contents.Type, contents.Shape.Select(DimExpr.Constant).ToEquatableArray())) { Contents = contents, Dimensions = ReadDimensions(contents) }, output);

    /// <summary>The dimensions in contents; where not all of them are known, those that the inputs depend on as well.</summary>
    private ImmutableSortedSet<string> ReadDimensions(Contents? contents)
    {
        var known = ImmutableSortedSet.CreateRange(StringComparer.Ordinal, contents?.Elements.SelectMany(e => e?.Numerator.Symbols ?? []) ?? []);
        return contents is { IsComplete: true } ? known : Present.Aggregate(known, (s, i) => s.Union(i.Dimensions));
    }

    /// <summary>Sets a result to a tensor that exists already; null passes on that it could not be imported.</summary>
    public void Forward(Imported? value, int output = 0)
    {
        _results[output] = value;
        _isSet[output] = true;
    }

    /// <summary>The results that have a name.</summary>
    public IEnumerable<(string Name, Imported? Value)> Results() => proto.Output.Select((name, i) => (name, _results[i])).Where(r => r.name.Length > 0);

    /// <summary>Attaches what is known about a result beside its value in the graph.</summary>
    public void Attach(Contents? contents, int output)
    {
        if (contents is not null && _results[output] is { Value: { ConstantData: null } value } result && value.Type.Shape.Select(d => d.ConstantValue ?? -1).SequenceEqual(contents.Shape))
        {
            _results[output] = new Imported(result.Name, result.Type) { Value = value, DataSources = result.DataSources, Dimensions = ReadDimensions(contents), Contents = contents };
        }
    }

    /// <summary>An operator must set every result that has a name.</summary>
    public void CheckOutputs()
    {
        for (int i = 0; i < _results.Length; i++)
        {
            if (!_isSet[i] && proto.Output[i].Length > 0)
            {
                throw ImportException.Invalid($"output {i} ('{proto.Output[i]}') is not supported");
            }
        }
    }
}
