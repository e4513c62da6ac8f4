using System.CommandLine;
using TransformerCc.Compiler;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Output;

/// <param name="Command">As it is typed into a shell.</param>
/// <param name="Why">What its result tells.</param>
internal sealed record NextStep(string Command, string Why);

/// <summary>What to do when a result is out of tolerance, as commands that can be run as they are printed.</summary>
internal static class NextSteps
{
    private const string PrecisionOption = "--precision", CasesOption = "--cases";

    /// <summary>Options that have no place in the commands, whatever else is repeated.</summary>
    private static readonly string[] s_flags = [CommonOptions.JsonName, "--check", "--verbose", "-v"];

    /// <summary>
    /// Nothing where a golden is missing, of another shape or type, or contradicts its own scores: what is to be done is said there.
    /// </summary>
    /// <param name="parse">The command that failed; its options are kept.</param>
    public static IReadOnlyList<NextStep> Of(VerificationResult result, ParseResult parse, string path)
    {
        bool isOfNumbers = result.Cases.Any(c => c.Outputs.Any(o => o.MayBeRounding)) || result.Stages.Any(s => !s.Passed);
        if (result.Passed || !isOfNumbers)
        {
            return [];
        }
        bool isBinary = ProgramFile.IsProgram(path);
        string[] given = Given(parse, isBinary ? path : null);
        bool isWide = result.Precision == Precision.F32;
        string[] stages = Without(given, CasesOption);
        return isWide
            ? [
                .. result.Stages.Count > 0 ? Array.Empty<NextStep>() : [new NextStep(Line(Wide(stages)), "every stage of the compilation against the one before, on seeded inputs: names the first that is wrong, and its node")],
                new(Line([.. Wide(given), "--per-node"]), "every node of the first case against the reference: names those that add the error; when none does, the golden or the import is wrong"),
            ]
            : [
                new(Line(Wide(given)), "first: when this passes, only the 16-bit formats are at fault; when it fails too, they are not"),
                new(Line([.. given, "--per-node"]), "which nodes add the error, and why, in the first case"),
                new(Line([.. given, "--bisect"]), "what the outputs would gain with each layer or node in f32, in the first case"),
            ];
    }

    /// <summary>The command without what is set anew; a binary stands for its model, which alone has nodes and another precision.</summary>
    private static string[] Given(ParseResult parse, string? binary)
    {
        string[] words = [.. parse.Tokens.Where(t => t.Type != System.CommandLine.Parsing.TokenType.DoubleDash).Select(t => t.Value).Where(w => !s_flags.Contains(w))];
        return [.. words.Select(w => w == binary ? "MODEL" : w)];
    }

    private static string[] Wide(string[] words) => [.. Without(words, PrecisionOption), PrecisionOption, "f32"];

    /// <summary>Leaves out an option and its one value.</summary>
    private static string[] Without(string[] words, string option) => [.. words.Where((w, i) => w != option && (i == 0 || words[i - 1] != option))];

    private static string Line(IEnumerable<string> words) => string.Join(' ', words.Prepend("tcc").Select(Quoted));

    /// <summary>Quoted for a POSIX shell where it must be.</summary>
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,+@%".Contains(c)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
