using System.CommandLine;
using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Verbs;

/// <summary>Runs ONNX backend tests through binary and emulator, and counts.</summary>
internal static class ConformanceVerb
{
    public static Verb Create(ToolContext tool)
    {
        var folder = new FileArgument("DIR") { Description = "Folder of tests; every folder below it with model.onnx and test_data_set_0 is one" };
        var compilation = new CompilationArguments();
        Option<bool> json = CommonOptions.Json(), verbose = CommonOptions.Verbose();
        var verb = new Verb("conformance", "Run ONNX backend tests through binary and emulator.", "tcc conformance onnx/backend/test/data/node --precision f32") { folder };
        compilation.AddTargetTo(verb);
        verb.Add(json);
        verb.Add(verbose);
        verb.SetAction(parse =>
        {
            CompileOptions options = compilation.Read(parse);
            IReadOnlyList<ConformanceTest> tests = ConformanceTest.Find(parse.GetValue(folder)!);
            bool text = !parse.GetValue(json);
            var results = new List<ConformanceResult>();
            foreach (ConformanceTest test in tests)
            {
                tool.BeginPhase(string.Create(CultureInfo.InvariantCulture, $"test {results.Count + 1} of {tests.Count}: {test.Name}"), parse.GetValue(verbose));
                ConformanceResult result = ConformanceRunner.Run(test, options);
                results.Add(result);
                if (text)
                {
                    tool.Output.WriteLine(Line(result));
                }
            }
            string rule = VerifyVerb.RuleText(ConformanceRunner.Rule(options.Precision));
            if (text)
            {
                tool.Output.WriteLine($"against the golden outputs; {rule}");
                tool.Output.WriteLine(Summary(results));
            }
            else
            {
                JsonText.Write(tool.Output, ConformanceDocument.Of(results, rule), ToolJson.Default.ConformanceDocument);
            }
            return results.Any(r => r.Outcome == ConformanceOutcome.Failed) ? (int)FailureKind.Failed : 0;
        });
        return verb;
    }

    private static string Line(ConformanceResult result)
    {
        string verdict = result.Outcome switch { ConformanceOutcome.Passed => "pass", ConformanceOutcome.Folded => "folded", ConformanceOutcome.Skipped => "skip", _ => "FAIL" };
        string constants = result.Constants.Count > 0 ? $" (constants: {string.Join(", ", result.Constants)})" : "";
        return $"{verdict,-6} {result.Name}{constants}{(result.Reason is null ? "" : $": {result.Reason}")}";
    }

    private static string Summary(IReadOnlyList<ConformanceResult> results)
    {
        int Count(ConformanceOutcome outcome) => results.Count(r => r.Outcome == outcome);
        return string.Create(CultureInfo.InvariantCulture,
            $"{Count(ConformanceOutcome.Passed)} passed, {Count(ConformanceOutcome.Failed)} failed, {Count(ConformanceOutcome.Skipped)} skipped, {Count(ConformanceOutcome.Folded)} folded");
    }
}
