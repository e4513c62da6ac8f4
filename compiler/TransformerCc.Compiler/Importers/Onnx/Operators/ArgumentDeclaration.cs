namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>One input or output of a version of an operator.</summary>
/// <param name="IsVariadic">The last one, which may be repeated.</param>
/// <param name="Refused">Why a node that has it is an obstacle; null when it is used.</param>
/// <param name="NoEffect">Why it does not change the result; null when it does.</param>
internal sealed record ArgumentDeclaration(string Name, bool IsOptional, bool IsVariadic, string? Refused = null, string? NoEffect = null)
{
    /// <summary>The way on where it is refused, other than to leave it out.</summary>
    public string? Help { get; init; }

    /// <summary>Written NAME, NAME? (may be left out) or NAME* (any number).</summary>
    public static ArgumentDeclaration Parse(string text) => new(text.TrimEnd('?', '*'), text.EndsWith('?'), text.EndsWith('*'));

    public override string ToString() => Name + (IsVariadic ? "*" : IsOptional ? "?" : "");
}
