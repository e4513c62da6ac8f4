using System.CommandLine;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;
using TransformerCc.Verification.Accuracy;

namespace TransformerCc.Tool;

/// <summary>The options of verify that look for where accuracy is lost.</summary>
internal sealed class AccuracyArguments
{
    private readonly Option<bool> _perNode = new("--per-node") { Description = "How exact every node is on the chip, which error it adds itself, and why" };

    private readonly Option<double?> _minimum = new("--min-snr")
    {
        Description = $"With --per-node: name the first node below so many dB, and fail if there is one [default: name it below {Numbers.Fixed(NodeAccuracyAnalysis.DefaultLeastSignalToNoise, 0)}]",
        HelpName = "DB",
    };

    private readonly Option<bool> _bisect = new("--bisect") { Description = "What the outputs would gain with one group of nodes in f32; evaluated as tiles, a binary has one precision" };

    private readonly Option<NodeGrouping> _grouping = new("--group-by")
    {
        Description = "With --bisect: the groups [default: layers where names tell them, else nodes]",
        HelpName = "node|layer|operator",
    };

    public void AddTo(Command verb)
    {
        foreach (Option option in (Option[])[_perNode, _minimum, _bisect, _grouping])
        {
            verb.Add(option);
        }
        verb.Validators.Add(result =>
        {
            if (result.GetValue(_perNode) && result.GetValue(_bisect))
            {
                result.AddError("--per-node and --bisect are two runs: give one of them");
            }
            if (result.GetResult(_minimum) is { Implicit: false } && !result.GetValue(_perNode))
            {
                result.AddError("--min-snr needs --per-node");
            }
            if (result.GetResult(_grouping) is { Implicit: false } && !result.GetValue(_bisect))
            {
                result.AddError("--group-by needs --bisect");
            }
        });
    }

    public bool IsAsked(ParseResult parse) => parse.GetValue(_perNode) || parse.GetValue(_bisect);

    /// <returns>The exit code.</returns>
    /// <exception cref="DiagnosticException">TCC6036: a binary instead of a model.</exception>
    public int Run(ToolContext tool, ParseResult parse, string path, CompileOptions compile, VerifyOptions options, bool json)
    {
        if (ProgramFile.IsProgram(path))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6036", "a binary holds no graph whose nodes could be looked at", path, "give the model"), FailureKind.Usage);
        }
        var diagnostics = new DiagnosticList();
        AccuracyRun run = AccuracyRun.Of(path, compile, options, diagnostics);
        return parse.GetValue(_bisect) ? Bisect(tool, parse, run, options, diagnostics, json) : PerNode(tool, parse, run, options, diagnostics, json);
    }

    private int PerNode(ToolContext tool, ParseResult parse, AccuracyRun run, VerifyOptions options, DiagnosticList diagnostics, bool json)
    {
        double? minimum = parse.GetValue(_minimum);
        NodeAccuracyReport report = NodeAccuracyAnalysis.Run(run, minimum ?? NodeAccuracyAnalysis.DefaultLeastSignalToNoise, options.Tolerance);
        bool passed = report.Outputs.All(o => o.Passed) && (minimum is null || report.FirstBelow is null);
        tool.Report(diagnostics);
        if (json)
        {
            JsonText.Write(tool.Output, NodeAccuracyDocument.Of(report, passed, diagnostics), ToolJson.Default.NodeAccuracyDocument);
        }
        else
        {
            AccuracyText.Write(tool.Output, report);
        }
        return passed ? 0 : (int)FailureKind.Failed;
    }

    private int Bisect(ToolContext tool, ParseResult parse, AccuracyRun run, VerifyOptions options, DiagnosticList diagnostics, bool json)
    {
        BisectReport report = PrecisionBisect.Run(run, parse.GetValue(_grouping), options.Progress);
        tool.Report(diagnostics);
        if (json)
        {
            JsonText.Write(tool.Output, BisectDocument.Of(report, diagnostics), ToolJson.Default.BisectDocument);
        }
        else
        {
            AccuracyText.Write(tool.Output, report);
        }
        return 0;
    }
}
