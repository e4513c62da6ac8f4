using System.CommandLine;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Timing;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>Times a program without weights, inputs or results.</summary>
internal static class EstimateVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "The model, or a binary");
        var set = new NumberPairs("--set", "DIM=N", "Value of a dimension, or of an input that may be left out");
        var entry = new Option<string?>("--entry") { Description = "The entry point [default: the one that a run of these sizes takes]", HelpName = "NAME" };
        var trace = new FileOption("--trace", FileUse.Output) { Description = "Write every instruction's time for Perfetto or chrome://tracing", HelpName = "FILE.json" };
        var nodes = new Option<int>("--nodes") { Description = "Lines of the table of nodes, those with the most time beyond their bound first", HelpName = "N", DefaultValueFactory = _ => 12 };
        nodes.Validators.Add(result =>
        {
            if (result.GetValue(nodes) < 0)
            {
                result.AddError("--nodes takes a number of lines, 0 or more");
            }
        });
        var compilation = new CompilationArguments();
        Option<bool> json = CommonOptions.Json(), verbose = CommonOptions.Verbose();
        var verb = new Verb("estimate", "Time a program on its chip, instruction by instruction: cycles, energy, what waits for what, and how far from the roofline. Weights are not read: models of tcc synth --shape-only will do.", "tcc estimate llama.gguf --chip tx1-edge --set batch=1 length=1 past=1024") { file, set.Option, entry, trace, nodes };
        compilation.AddTo(verb);
        verb.Add(json);
        verb.Add(verbose);
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            var diagnostics = new DiagnosticList();
            if (ProgramFile.IsProgram(path))
            {
                using ProgramFile program = ProgramFile.Open(path);
                return Estimate(program.Image, CommonOptions.Chip(compilation.GivenChip(parse), program.Image));
            }
            CompileOptions options = compilation.Read(parse) with { Progress = new PhaseProgress(tool, parse.GetValue(verbose)) };
            ProgramImage image = CompilerDriver.Compile(path, options, diagnostics).Image!;
            tool.Report(diagnostics);
            return Estimate(image, options.Chip);

            int Estimate(ProgramImage image, ChipDescription chip)
            {
                tool.BeginPhase("estimate", parse.GetValue(verbose));
                string? name = parse.GetValue(entry);
                TimingReport report = null!;
                if (parse.GetValue(trace) is { } target)
                {
                    AtomicFile.Write(target, stream =>
                    {
                        using var events = new ChromeTrace(stream, image, chip);
                        report = TimingModel.Run(image, chip, set.Read(parse), name, events.Add);
                    });
                }
                else
                {
                    report = TimingModel.Run(image, chip, set.Read(parse), name);
                }
                if (report.DramNeeded > chip.Memory.DramBytes)
                {
                    Diagnostic warning = Diagnostic.Warning("TCC7014", FormattableString.Invariant($"weights and tensors take {report.DramNeeded} bytes of DRAM, {chip.Name} has {chip.Memory.DramBytes}: this is the time of a chip with more"), path, "a run of these sizes is refused");
                    tool.Report([warning]);
                    diagnostics.Add(warning);
                }
                var document = EstimateDocument.Of(path, chip, report, [.. diagnostics.Select(DiagnosticDocument.Of)]);
                if (parse.GetValue(json))
                {
                    JsonText.Write(tool.Output, document, ToolJson.Default.EstimateDocument);
                }
                else
                {
                    EstimateText.Write(tool.Output, document, parse.GetValue(nodes));
                }
                return 0;
            }
        });
        return verb;
    }
}
