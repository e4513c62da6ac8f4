using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>What becomes of an attribute that a node has.</summary>
internal enum AttributeRole
{
    /// <summary>Its value decides the result.</summary>
    Used,

    /// <summary>The translation is right for the values that are listed; any other is an obstacle.</summary>
    OnlyAt,

    /// <summary>Any value is an obstacle.</summary>
    Refused,

    /// <summary>No value of it changes the result.</summary>
    WithoutEffect,
}

/// <summary>The types of attributes that operators here have, numbered as in the file (AttributeProto.AttributeType).</summary>
internal enum AttributeKind
{
    Float = 1,
    Int = 2,
    Text = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Texts = 8,
}

/// <summary>What an integer that says yes or no means when it is neither 0 nor 1: the standard leaves that open.</summary>
internal enum FlagRule
{
    /// <summary>It is no such integer, or other values are refused, by ONNX Runtime too.</summary>
    None,

    /// <summary>Only 1 is yes.</summary>
    OneIsYes,

    /// <summary>Only 0 is no.</summary>
    ZeroIsNo,
}

/// <summary>One attribute of a version of an operator.</summary>
/// <param name="Values">The values that are possible, as texts of <see cref="AttributeText"/>; empty: any.</param>
/// <param name="Because">Why other values are refused, or why it has no effect; empty for used ones.</param>
internal sealed record AttributeDeclaration(string Name, AttributeKind Kind, AttributeRole Role, IReadOnlyList<string> Values, string Because)
{
    public bool IsRequired { get; init; }

    /// <summary>How ONNX Runtime reads integers other than 0 and 1.</summary>
    public FlagRule Flag { get; init; }

    /// <summary>The value of an integer as the translation sees it: of a flag, 0 or 1.</summary>
    public long Read(long value) => Flag switch
    {
        FlagRule.OneIsYes => value == 1 ? 1 : 0,
        FlagRule.ZeroIsNo => value != 0 ? 1 : 0,
        _ => value,
    };

    /// <summary>What is assumed about a value whose meaning is open; null when nothing is.</summary>
    public string? Assumption(AttributeProto attribute) => Flag != FlagRule.None && attribute.I is not (0 or 1)
        ? $"the attribute {Name} = {AttributeText.Of(attribute)} is taken for {Read(attribute.I)}, as ONNX Runtime does; 0 and 1 are defined" : null;

    /// <summary>The way on where a value is refused; null: to export the model with one that is possible.</summary>
    public string? Help { get; init; }

    /// <summary>What to do about a value that cannot be taken.</summary>
    public string WayOn => Help ?? (Role == AttributeRole.Refused ? $"export the model again without {Name}"
        : Values.Count > 0 ? $"export the model again with {Name} = {string.Join(" or ", Values)}" : $"correct {Name}, or export the model again without it");

    /// <summary>The least number that is possible; null: any, infinities and NaN too.</summary>
    public float? Least { get; init; }

    /// <summary>Why this value cannot be taken; null when it can.</summary>
    public string? Problem(AttributeProto attribute)
    {
        if (Role == AttributeRole.Refused)
        {
            return $"it is not supported: {Because}";
        }
        if (AttributeText.KindOf(attribute) is var kind && kind != (int)Kind && kind != (int)AttributeProto.Types.AttributeType.Undefined)
        {
            return $"it is a value of type {AttributeText.NameOf(kind)}, the operator has {AttributeText.NameOf((int)Kind)} there";
        }
        if (Least is { } least && !(attribute.F >= least && float.IsFinite(attribute.F)))
        {
            return least == float.MinValue ? "a finite number is needed" : $"a finite number from {AttributeText.Number(least)} on is needed";
        }
        if (Values.Count == 0 || Values.Contains(AttributeText.Of(attribute)))
        {
            return null;
        }
        string possible = Values.Count == 1 ? $"only {Values[0]} is" : $"{string.Join(", ", Values)} are";
        return Role == AttributeRole.OnlyAt ? $"{possible} supported: {Because}" : $"{possible} possible";
    }
}
