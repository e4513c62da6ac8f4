using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Tool.Output;
using TransformerCc.Tool.Verbs;

namespace TransformerCc.Tool;

/// <summary>The tool as a function: arguments in, exit code out, text on the writers of its context.</summary>
public static class CommandLine
{
    /// <summary>A defect of ours (EX_SOFTWARE of sysexits.h).</summary>
    public const int CrashExitCode = 70;

    public static int Run(IReadOnlyList<string> arguments, ToolContext tool)
    {
        ParseResult parse = CreateRoot(tool).Parse(arguments);
        bool json = arguments.Contains(CommonOptions.JsonName);
        if (parse.Action is ParseErrorAction)
        {
            string verb = parse.CommandResult.Command is Verb v ? $"tcc {v.Name} --help" : "tcc --help";
            return Fail(tool, json, (int)FailureKind.Usage, [.. parse.Errors.Select(e => Diagnostic.Error("TCC7001", WithoutTypes(OneLine(e.Message)), help: verb))]);
        }
        if (StrayOptions(parse, arguments) is { Length: > 0 } stray)
        {
            return Fail(tool, json, (int)FailureKind.Usage, stray);
        }
        using FileLedger files = FileLedger.Begin();
        try
        {
            NamedFiles.Tell(parse, files);
            // Exceptions come to us, and signals to Program: both defaults of the library would print and choose exit codes.
            int exitCode = parse.Invoke(new InvocationConfiguration { Output = tool.Output, Error = tool.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
            NamedFiles.ReportUnchanged(tool, files);
            return exitCode;
        }
        catch (DiagnosticException e)
        {
            return Fail(tool, json, (int)e.Kind, e.Diagnostics);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(tool, json, (int)FailureKind.InvalidInput, [Diagnostic.Error("TCC7002", e.Message)]);
        }
        catch (Exception e)
        {
            string folder = CrashReport.Write(tool.Phase, arguments, e);
            return Fail(tool, json, CrashExitCode, [Diagnostic.Error("TCC7070", $"a defect of tcc in phase \"{tool.Phase}\": {OneLine(e.Message)}", folder, "please send us that folder")]);
        }
    }

    private static int Fail(ToolContext tool, bool json, int exitCode, IReadOnlyList<Diagnostic> diagnostics)
    {
        tool.Report(diagnostics);
        if (json)
        {
            JsonText.Write(tool.Output, new FailureDocument(exitCode, [.. diagnostics.Select(DiagnosticDocument.Of)]), ToolJson.Default.FailureDocument);
        }
        return exitCode;
    }

    private static string OneLine(string message) => string.Join(' ', message.Split((char[])['\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>The library takes whatever follows an option for its value: <c>-o --json</c> would write a file of that name.</summary>
    private static Diagnostic[] StrayOptions(ParseResult parse, IReadOnlyList<string> arguments)
    {
        string[] names = [.. parse.CommandResult.Command.Options.SelectMany(o => o.Aliases.Append(o.Name))];
        return [.. parse.CommandResult.Children.SelectMany(c => c switch
        {
            OptionResult o => o.Tokens.Where(t => names.Contains(t.Value) && arguments.Contains(t.Value))
                .Select(t => Diagnostic.Error("TCC7001", $"{o.Option.Name} has no value: {t.Value} is an option", help: $"{o.Option.Name}={t.Value} where that is the value")),
            ArgumentResult a => a.Tokens.Where(t => t.Value.StartsWith("--", StringComparison.Ordinal))
                .Select(t => Diagnostic.Error("TCC7001", $"{t.Value} is no option of {parse.CommandResult.Command.Name}", help: $"tcc {parse.CommandResult.Command.Name} --help; a file of that name is ./{t.Value}")),
            _ => [],
        })];
    }

    /// <summary>The library names the type of .NET that a value should have.</summary>
    private static string WithoutTypes(string message)
    {
        const string type = "as expected type '";
        int at = message.IndexOf(type, StringComparison.Ordinal);
        string name = at < 0 ? "" : message[(at + type.Length)..];
        return name.Contains("Int", StringComparison.Ordinal) ? $"{message[..at]}as a whole number."
            : name.Contains("Single", StringComparison.Ordinal) || name.Contains("Double", StringComparison.Ordinal) ? $"{message[..at]}as a number." : message;
    }

    internal static Command CreateRoot(ToolContext tool)
    {
        // A plain Command: RootCommand takes its name from the running process.
        var version = new Option<bool>("--version") { Description = "Print the version" };
        var root = new Command("tcc", "Compiles transformer models for TX1 chips, and emulates the chips.")
        {
            DemoVerb.Create(tool),
            CompileVerb.Create(tool),
            RunVerb.Create(tool),
            VerifyVerb.Create(tool),
            EstimateVerb.Create(tool),
            ConformanceVerb.Create(tool),
            InspectVerb.Create(tool),
            DisasmVerb.Create(tool),
            AsmVerb.Create(),
            IsaVerb.Create(tool),
            ChipsVerb.Create(tool),
            SynthVerb.Create(tool),
            PlanMemoryVerb.Create(tool),
            version,
            new HelpOption { Action = new HelpWithExample() },
        };
        version.Action = new PrintVersion();
        return root;
    }

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"tcc {ToolVersion.Text}");
            return 0;
        }
    }
}
