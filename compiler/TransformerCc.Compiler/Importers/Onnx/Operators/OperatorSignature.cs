namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// What a node of an operator may have from one version of the operator set on: inputs, outputs and attributes, each with
/// what becomes of it. A node that has anything else is an obstacle (<see cref="SignatureCheck"/>), so nothing that a model
/// says is passed over without a decision. Facts from the operator definitions of ONNX and of ONNX Runtime.
/// </summary>
/// <param name="Since">The version of the operator set; 1 for sets that have one version only.</param>
internal sealed record OperatorSignature(long Since)
{
    /// <summary>Reasons that several operators share.</summary>
    public const string MemoryHint = "a hint of the first versions about reuse of memory", Speed = "it chooses between kernels of ONNX Runtime, not between results";

    public IReadOnlyList<ArgumentDeclaration> Inputs { get; private init; } = [];

    public IReadOnlyList<ArgumentDeclaration> Outputs { get; private init; } = [ArgumentDeclaration.Parse("output")];

    public IReadOnlyList<AttributeDeclaration> Attributes { get; private init; } = [];

    /// <summary>Inputs as <see cref="ArgumentDeclaration.Parse"/> reads them; one required output unless <see cref="Returns"/> says otherwise.</summary>
    public static OperatorSignature From(long version, params IEnumerable<string> inputs) => new(version) { Inputs = [.. inputs.Select(ArgumentDeclaration.Parse)] };

    /// <summary>One input; the first versions of old operators had a hint about memory.</summary>
    public static IReadOnlyList<OperatorSignature> OfOne(long since, Func<OperatorSignature, OperatorSignature>? attributes = null)
    {
        OperatorSignature now = From(since, "X");
        now = attributes?.Invoke(now) ?? now;
        return since == 1 ? [now.Unused(AttributeKind.Ints, "consumed_inputs", MemoryHint), now with { Since = 6 }] : [now];
    }

    public OperatorSignature Returns(params IEnumerable<string> outputs) => this with { Outputs = [.. outputs.Select(ArgumentDeclaration.Parse)] };

    public OperatorSignature Int(params IEnumerable<string> names) => Used(AttributeKind.Int, names);

    public OperatorSignature Ints(params IEnumerable<string> names) => Used(AttributeKind.Ints, names);

    /// <summary>Finite numbers.</summary>
    public OperatorSignature Float(params IEnumerable<string> names) => FloatFrom(float.MinValue, names);

    /// <summary>Numbers that may be infinite.</summary>
    public OperatorSignature AnyFloat(params IEnumerable<string> names) => Used(AttributeKind.Float, names);

    /// <summary>What is added to a variance ahead of its root: finite, not negative.</summary>
    public OperatorSignature Epsilon(string name = "epsilon") => FloatFrom(0, [name]);

    public OperatorSignature Floats(params IEnumerable<string> names) => Used(AttributeKind.Floats, names);

    public OperatorSignature Text(params IEnumerable<string> names) => Used(AttributeKind.Text, names);

    public OperatorSignature Tensor(params IEnumerable<string> names) => Used(AttributeKind.Tensor, names);

    public OperatorSignature Graph(params IEnumerable<string> names) => Used(AttributeKind.Graph, names);

    /// <summary>Integers that are 0 or 1.</summary>
    public OperatorSignature Flag(params IEnumerable<string> names) =>
        names.Aggregate(this, (s, n) => s.With(new AttributeDeclaration(n, AttributeKind.Int, AttributeRole.Used, ["0", "1"], "")));

    /// <summary>Integers of which 1 means yes; any other but 0 is taken for no, with a warning.</summary>
    public OperatorSignature OneIsYes(params IEnumerable<string> names) => Flags(FlagRule.OneIsYes, names);

    /// <summary>Integers of which 0 means no; any other but 1 is taken for yes, with a warning.</summary>
    public OperatorSignature ZeroIsNo(params IEnumerable<string> names) => Flags(FlagRule.ZeroIsNo, names);

    /// <summary>A text that is one of a list.</summary>
    public OperatorSignature Choice(string name, params IEnumerable<string> values) =>
        With(new AttributeDeclaration(name, AttributeKind.Text, AttributeRole.Used, [.. values.Select(AttributeText.Quoted)], ""));

    /// <summary>Marks attributes that every node must have.</summary>
    public OperatorSignature Required(params IReadOnlyList<string> names) =>
        this with { Attributes = [.. Attributes.Select(a => names.Contains(a.Name) ? a with { IsRequired = true } : a)] };

    /// <summary>An attribute with one value for which the translation is right.</summary>
    /// <param name="because">Why no other is: it completes "is supported: ".</param>
    /// <param name="help">The way on, where it is another than to export the model with that value.</param>
    public OperatorSignature Only(string name, long value, string because, string? help = null) => Only(name, AttributeKind.Int, AttributeText.Number(value), because, help);

    /// <inheritdoc cref="Only(string, long, string, string)"/>
    public OperatorSignature Only(string name, float value, string because, string? help = null) => Only(name, AttributeKind.Float, AttributeText.Number(value), because, help);

    /// <inheritdoc cref="Only(string, long, string, string)"/>
    public OperatorSignature Only(string name, string value, string because, string? help = null) => Only(name, AttributeKind.Text, AttributeText.Quoted(value), because, help);

    /// <summary>An attribute that a node must leave out.</summary>
    public OperatorSignature Refuse(AttributeKind kind, string name, string because) => With(new AttributeDeclaration(name, kind, AttributeRole.Refused, [], because));

    /// <summary>An attribute that does not change the result, whatever its value.</summary>
    public OperatorSignature Unused(AttributeKind kind, string name, string because) => With(new AttributeDeclaration(name, kind, AttributeRole.WithoutEffect, [], because));

    /// <summary>An input that a node must leave out.</summary>
    public OperatorSignature RefuseInput(string name, string because, string? help = null) => this with { Inputs = Replace(Inputs, name, a => a with { Refused = because, Help = help }) };

    /// <summary>An input that does not change the result.</summary>
    public OperatorSignature IgnoreInput(string name, string because) => this with { Inputs = Replace(Inputs, name, a => a with { NoEffect = because }) };

    /// <summary>An output that a node must leave out.</summary>
    public OperatorSignature RefuseOutput(string name, string because) => this with { Outputs = Replace(Outputs, name, a => a with { Refused = because }) };

    private OperatorSignature Flags(FlagRule rule, IEnumerable<string> names) =>
        names.Aggregate(this, (s, n) => s.With(new AttributeDeclaration(n, AttributeKind.Int, AttributeRole.Used, [], "") { Flag = rule }));

    private OperatorSignature FloatFrom(float least, IEnumerable<string> names) =>
        names.Aggregate(this, (s, n) => s.With(new AttributeDeclaration(n, AttributeKind.Float, AttributeRole.Used, [], "") { Least = least }));

    private OperatorSignature Used(AttributeKind kind, IEnumerable<string> names) =>
        names.Aggregate(this, (s, n) => s.With(new AttributeDeclaration(n, kind, AttributeRole.Used, [], "")));

    private OperatorSignature Only(string name, AttributeKind kind, string value, string because, string? help) =>
        With(new AttributeDeclaration(name, kind, AttributeRole.OnlyAt, [value], because) { Help = help });

    private OperatorSignature With(AttributeDeclaration attribute) => this with { Attributes = [.. Attributes, attribute] };

    private static ArgumentDeclaration[] Replace(IReadOnlyList<ArgumentDeclaration> all, string name, Func<ArgumentDeclaration, ArgumentDeclaration> change) =>
        all.Any(a => a.Name == name) ? [.. all.Select(a => a.Name == name ? change(a) : a)] : throw new ArgumentException($"there is no '{name}' to declare", nameof(name));
}
