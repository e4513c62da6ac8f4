using System.CommandLine;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tool.Verbs;

/// <summary>Compiles a model into a binary.</summary>
internal static class CompileVerb
{
    public static Verb Create(ToolContext tool)
    {
        var model = CommonOptions.File("MODEL", "The model, an .onnx or .gguf file");
        FileOption output = CommonOptions.OutputFile("The binary to write");
        var compilation = new CompilationArguments();
        var printAfter = new Option<string?>("--print-after") { Description = "Print the program after a pass or stage", HelpName = "PASS|all" };
        var stopAfter = new Option<string?>("--stop-after") { Description = "End after a stage and write no binary", HelpName = "STAGE" };
        var verifyEach = new Option<bool>("--verify-each") { Description = "After every stage (passes, tiling, scheduling, binary), compare what it computes with the stage before; slow" };
        Option<bool> json = CommonOptions.Json(), verbose = CommonOptions.Verbose();
        var verb = new Verb("compile", "Compile a model into a binary.", "tcc compile model.onnx -o model.bin --chip tx1-edge --bind batch=..8") { model, output };
        compilation.AddTo(verb);
        foreach (Option option in (Option[])[printAfter, stopAfter, verifyEach, json, verbose])
        {
            verb.Add(option);
        }
        verb.Validators.Add(result =>
        {
            if (result.GetResult(model) is null or { Tokens.Count: 0 })
            {
                result.AddError("MODEL is needed, the model file");
            }
            if (result.GetResult(output) is null && result.GetResult(stopAfter) is null)
            {
                result.AddError("-o FILE is needed, or --stop-after STAGE");
            }
        });
        verb.SetAction(parse =>
        {
            bool asJson = parse.GetValue(json);
            var passes = new List<string>();
            CompileOptions options = compilation.Read(parse) with
            {
                PrintAfter = parse.GetValue(printAfter),
                PrintTo = asJson ? tool.Error : tool.Output,
                StopAfter = parse.GetValue(stopAfter),
                AfterPass = (pass, _) => passes.Add(pass),
                Progress = new PhaseProgress(tool, parse.GetValue(verbose)),
            };
            StageVerifier? verifier = parse.GetValue(verifyEach) ? new StageVerifier(options, seed: 0) : null;
            options = verifier?.Observe(options) ?? options;
            var diagnostics = new DiagnosticList();
            if (parse.GetValue(output) is string place)
            {
                AtomicFile.CheckPlace(place);
            }
            CompilationResult result = CompilerDriver.Compile(parse.GetValue(model)!, options, diagnostics);
            tool.Report(diagnostics);
            RefuseUnknownPass(options.PrintAfter, passes);
            if (result.Image is not null && options.PrintAfter is ("all" or "codegen"))
            {
                options.PrintTo!.Write(Disassembler.Print(result.Image, withSource: true));
            }
            if (result.Image is { } image)
            {
                // No binary leaves the tool that the static check has not passed. Both only read the image, so it is written
                // meanwhile and gets its name after the check.
                tool.BeginPhase("check", parse.GetValue(verbose));
                Task check = Task.Run(() => ImageVerifier.Prove(image, options.Chip));
                if (verifier is not null)
                {
                    check.GetAwaiter().GetResult();
                    tool.BeginPhase("verify", parse.GetValue(verbose));
                    verifier.AfterBinary(image);
                }
                if (parse.GetValue(output) is string path)
                {
                    tool.BeginPhase("write", parse.GetValue(verbose));
                    ProgramFile.Write(path, image, condition: () => check.GetAwaiter().GetResult());
                }
                check.GetAwaiter().GetResult();
            }
            Print(tool, result, options, result.Image is null ? null : parse.GetValue(output), asJson, diagnostics);
            return 0;
        });
        return verb;
    }

    /// <summary>Only a compilation knows its passes; a misspelt name must not look like a pass that prints nothing.</summary>
    private static void RefuseUnknownPass(string? name, List<string> passes)
    {
        string[] known = [.. passes.Concat(CompilerDriver.Stages).Distinct()];
        if (name is not (null or "all") && !known.Contains(name))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC7008", $"there is no pass or stage '{name}'", help: $"there are {string.Join(", ", known)}"), FailureKind.Usage);
        }
    }

    private static void Print(ToolContext tool, CompilationResult result, CompileOptions options, string? path, bool asJson, DiagnosticList diagnostics)
    {
        var document = CompilationDocument.Of(result, options, path, diagnostics);
        if (asJson)
        {
            JsonText.Write(tool.Output, document, ToolJson.Default.CompilationDocument);
        }
        else if (path is not null)
        {
            document.WriteText(tool.Output);
        }
    }
}
