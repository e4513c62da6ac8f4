using System.CommandLine;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Tool;

/// <summary>Options that several verbs share.</summary>
internal static class CommonOptions
{
    public const string JsonName = "--json";

    public static Option<bool> Json() => new(JsonName) { Description = "Print one JSON document instead of text" };

    public static Option<bool> Verbose() => new("--verbose", "-v") { Description = "Print each phase as it begins" };

    public static FileOption OutputFile(string what) => new("--output", FileUse.Output, "-o") { Description = what, HelpName = "FILE" };

    public static FileArgument File(string name, string what) => new(name) { Description = what };

    public static ChipOption ChipOfBinary() => new()
    {
        Description = "The chip file, for a binary that was not compiled for a preset",
        HelpName = "NAME|FILE.json",
    };

    /// <summary>The chip given, or the preset that the binary names.</summary>
    public static ChipDescription Chip(string? given, ProgramImage image) =>
        given is null && !ChipDescriptions.PresetNames.Contains(image.ChipName)
            ? throw new DiagnosticException(Diagnostic.Error("TCC7007", $"the binary was compiled for chip '{image.ChipName}', which is no preset", help: "give its description with --chip FILE.json"))
            : ChipDescriptions.Load(given ?? image.ChipName);
}
