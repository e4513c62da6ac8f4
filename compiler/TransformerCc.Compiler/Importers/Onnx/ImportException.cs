namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>One node that cannot be imported. The session makes a diagnostic of it and goes on with the other nodes.</summary>
internal sealed class ImportException(string code, string reason, string? help = null) : Exception(reason)
{
    /// <summary>A use of an operator that is not valid or not supported.</summary>
    public static ImportException Invalid(string reason, string? help = null) => new(ImportCodes.BadNode, reason, help);

    public string Code => code;

    public string? Help => help;

    /// <summary>The inputs of the model that would have to be constants.</summary>
    public IReadOnlyList<string> ConstantsNeeded { get; init; } = [];
}
