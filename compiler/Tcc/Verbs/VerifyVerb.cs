using System.CommandLine;
using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Verbs;

/// <summary>Compares what a binary computes with golden outputs, or with the reference evaluator.</summary>
internal static class VerifyVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "The model, or a binary");
        var cases = new FileOption("--cases", FileUse.Input) { Description = "Folder of cases with golden outputs; without it, every stage of the compilation against the one before, and the reference evaluator on seeded inputs", HelpName = "DIR" };
        Option<double?> atol = NonNegative("--atol", "A", "Absolute tolerance: |error| <= A + R x |golden|"), rtol = NonNegative("--rtol", "R", "Relative tolerance");
        var seed = new Option<ulong>("--seed") { Description = "Seed of the inputs without --cases", HelpName = "S" };
        var check = new Option<bool>("--check") { Description = "Look for races, reads of uninitialised memory and deadlocks as well; slower" };
        var accuracy = new AccuracyArguments();
        var compilation = new CompilationArguments();
        Option<bool> json = CommonOptions.Json(), verbose = CommonOptions.Verbose();
        var verb = new Verb("verify", "Compare a model or a binary with golden outputs or the reference evaluator.", "tcc verify model.onnx --cases . --precision f32") { file, cases, atol, rtol, seed, check };
        accuracy.AddTo(verb);
        compilation.AddTo(verb);
        verb.Add(json);
        verb.Add(verbose);
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            double? a = parse.GetValue(atol), r = parse.GetValue(rtol);
            var progress = new PhaseProgress(tool, parse.GetValue(verbose));
            var options = new VerifyOptions
            {
                CasesFolder = parse.GetValue(cases),
                Tolerance = a is null && r is null ? null : new ElementTolerance(a ?? 0, r ?? 0),
                Seed = parse.GetValue(seed),
                Check = parse.GetValue(check),
                Stages = parse.GetValue(cases) is null,
                Progress = progress,
            };
            if (accuracy.IsAsked(parse))
            {
                return accuracy.Run(tool, parse, path, compilation.Read(parse) with { Progress = progress }, options, parse.GetValue(json));
            }
            var diagnostics = new DiagnosticList();
            VerificationResult result = ProgramFile.IsProgram(path)
                ? ModelVerifier.VerifyBinary(path, image => CommonOptions.Chip(compilation.GivenChip(parse), image), options, diagnostics)
                : ModelVerifier.VerifyModel(path, compilation.Read(parse) with { Progress = progress }, options, diagnostics);
            tool.Report(diagnostics);
            IReadOnlyList<NextStep> next = NextSteps.Of(result, parse, path);
            if (parse.GetValue(json))
            {
                JsonText.Write(tool.Output, VerificationDocument.Of(result, next, diagnostics), ToolJson.Default.VerificationDocument);
            }
            else
            {
                VerificationText.Write(tool.Output, result, next);
            }
            return result.Passed ? 0 : (int)FailureKind.Failed;
        });
        return verb;
    }

    private static Option<double?> NonNegative(string name, string form, string description)
    {
        var option = new Option<double?>(name) { Description = description, HelpName = form };
        option.CustomParser = result =>
        {
            if (double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= 0 && double.IsFinite(value))
            {
                return value;
            }
            result.AddError($"{name} {result.Tokens[0].Value}: a finite number that is not negative is needed");
            return null;
        };
        return option;
    }

    /// <summary>The rule, with the one of 16-bit outputs where that is another.</summary>
    public static string RuleText(Tolerance rule) => rule.For(ElementType.F16) is var coarse && coarse == rule ? $"{rule}" : $"{rule}; 16-bit outputs: {coarse}";
}
