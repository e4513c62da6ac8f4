using System.Diagnostics;
using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;

namespace TransformerCc.Tool;

/// <summary>
/// The whole path on the small model of <c>examples/adder</c>, which is embedded in the tool: compile, write the binary,
/// load it, let the emulated chip add numbers digit by digit, and compare with the reference evaluator.
/// </summary>
internal static class AdderDemo
{
    /// <summary>A token is a character's place here.</summary>
    private const string Vocabulary = "0123456789+=";

    private const int AnswerDigits = 4;

    /// <summary>No carry, one, two, three, and the largest and smallest sums.</summary>
    private static readonly (int Left, int Right)[] s_sums =
        [(123, 456), (0, 0), (7, 8), (250, 250), (318, 294), (45, 955), (999, 1), (501, 499), (876, 543), (999, 999)];

    public static int Run(ToolContext tool, bool verbose)
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.FullName, "adder.onnx"), binary = Path.Combine(folder.FullName, "adder.bin");
        File.WriteAllBytes(model, EmbeddedModel());
        ChipDescription chip = ChipDescriptions.Load(ChipDescriptions.DefaultName);
        TextWriter output = tool.Output;
        output.WriteLine($"A language model that adds two numbers, compiled for {chip.Name} and run on the chip's emulator.");
        output.WriteLine();

        var compiling = Stopwatch.StartNew();
        var options = new CompileOptions { Chip = chip, Precision = Precision.BF16, Progress = new PhaseProgress(tool, verbose) };
        CompilationResult compilation = CompilerDriver.Compile(model, options, []);
        ProgramFile.Write(binary, compilation.Image!);
        compiling.Stop();

        tool.BeginPhase("run", verbose);
        using ProgramFile file = ProgramFile.Open(binary);
        using LoadedProgram program = LoadedProgram.Load(file.Image, chip);
        output.WriteLine($"compiled   adder.onnx ({Numbers.Bytes(new FileInfo(model).Length)}) to a binary of {Numbers.Bytes(new FileInfo(binary).Length)} in {Seconds(compiling)}:");
        output.WriteLine($"           {Numbers.Count(file.Image.EntryPoints.Sum(e => e.Instructions.Length))} instructions for any batch and length");
        output.WriteLine();

        var running = Stopwatch.StartNew();
        (List<long[]> texts, List<RunResult> runs) = Decode(new Session(program));
        running.Stop();
        int right = PrintSums(output, texts);
        output.WriteLine();

        tool.BeginPhase("compare with the reference", verbose);
        long[][] prompts = [.. texts.Select(t => t[..^1])];
        IReadOnlyDictionary<string, Tensor> expected = GraphEvaluator.Evaluate(ModelImporter.Import(model, options, []).Graph, Inputs(prompts));
        OutputComparison comparison = OutputComparison.Compare("logits", AnswerLogits(runs[^1].Outputs["logits"]), AnswerLogits(expected["logits"]), Tolerance.Of(ElementType.BF16));
        PrintSummary(output, chip, runs, running, comparison);

        int found = Verbs.Findings.Report(tool, runs[0].Findings);
        bool good = right == s_sums.Length && comparison.Passed && found == 0;
        output.WriteLine($"{right} of {s_sums.Length} sums are right; the outputs {(comparison.Passed ? "agree" : "DO NOT agree")} with the reference evaluator.");
        return good ? 0 : (int)FailureKind.Failed;
    }

    /// <summary>Greedy decoding of all sums as one batch; the first run is checked for races and uninitialised reads.</summary>
    private static (List<long[]> Texts, List<RunResult> Runs) Decode(Session session)
    {
        List<long[]> texts = [.. s_sums.Select(s => Tokens(string.Create(CultureInfo.InvariantCulture, $"{s.Left:000}+{s.Right:000}=")))];
        var runs = new List<RunResult>();
        for (int digit = 0; digit < AnswerDigits; digit++)
        {
            RunResult run = session.Run(Inputs(texts), new RunOptions { Check = digit == 0 });
            Tensor logits = run.Outputs["logits"];
            double[] values = TensorMath.Doubles(logits);
            int length = (int)logits.Shape[1], width = (int)logits.Shape[2];
            for (int i = 0; i < texts.Count; i++)
            {
                int last = ((i * length) + length - 1) * width;
                texts[i] = [.. texts[i], OutputComparison.IndexOfMax(values.AsSpan(last, width))];
            }
            runs.Add(run);
        }
        return (texts, runs);
    }

    private static int PrintSums(TextWriter output, List<long[]> texts)
    {
        int right = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            string text = string.Concat(texts[i].Select(t => Vocabulary[(int)t]));
            bool correct = text.EndsWith(string.Create(CultureInfo.InvariantCulture, $"={s_sums[i].Left + s_sums[i].Right:0000}"), StringComparison.Ordinal);
            right += correct ? 1 : 0;
            output.WriteLine($"  {text}   {(correct ? "right" : "WRONG")}");
        }
        return right;
    }

    private static void PrintSummary(TextWriter output, ChipDescription chip, List<RunResult> runs, Stopwatch time, OutputComparison comparison)
    {
        long Peak(MemorySpace space) => runs.Max(r => r.Statistics.Peak[space]);
        output.WriteLine($"emulated   {Numbers.Count(runs.Sum(r => r.Statistics.Instructions))} instructions, {Numbers.Count(runs.Sum(r => r.Statistics.MultiplyAdds))} multiply-adds in {runs.Count} runs, {Seconds(time)}");
        output.WriteLine($"scratchpad activations {Numbers.Bytes(Peak(MemorySpace.Asp))} of {Numbers.Bytes(chip.Memory.AspBytes)}, weights {Numbers.Bytes(Peak(MemorySpace.Wsp))} of {Numbers.Bytes(chip.Memory.WspBytes)}, accumulators {Numbers.Bytes(Peak(MemorySpace.Acc))} of {Numbers.Bytes(chip.Memory.AccBytes)}");
        output.WriteLine($"checked    the first run for races and uninitialised reads: {(runs[0].Findings.Count == 0 ? "nothing found" : "PROBLEMS FOUND")}");
        output.WriteLine($"compared   with the reference evaluator: largest difference {Numbers.Short(comparison.Errors.MaxAbsolute)} of {Numbers.Short(comparison.Errors.MaxGolden)}, cosine {Numbers.Fixed(comparison.Errors.Cosine, 6)}, SNR {Numbers.Fixed(comparison.Errors.SignalToNoise, 1)} dB");
        output.WriteLine();
    }

    /// <summary>The positions that predict answer digits: the model was trained there, and means nothing elsewhere.</summary>
    private static Tensor AnswerLogits(Tensor logits)
    {
        long batch = logits.Shape[0], length = logits.Shape[1], width = logits.Shape[2];
        ReadOnlySpan<float> values = logits.AsSpan<float>();
        var answers = new List<float>();
        for (long i = 0; i < batch; i++)
        {
            answers.AddRange(values.Slice((int)(((i * length) + length - AnswerDigits) * width), (int)(AnswerDigits * width)));
        }
        return Tensor.From<float>(ElementType.F32, [batch, AnswerDigits, width], [.. answers]);
    }

    private static Dictionary<string, Tensor> Inputs(IReadOnlyList<long[]> texts) =>
        new() { ["tokens"] = Tensor.From<long>(ElementType.I64, [texts.Count, texts[0].Length], texts.SelectMany(t => t).ToArray()) };

    private static long[] Tokens(string text) => [.. text.Select(c => (long)Vocabulary.IndexOf(c, StringComparison.Ordinal))];

    private static string Seconds(Stopwatch time) => $"{Numbers.Fixed(time.Elapsed.TotalSeconds, 1)} s";

    private static byte[] EmbeddedModel()
    {
        using Stream stream = typeof(AdderDemo).Assembly.GetManifestResourceStream("adder.onnx")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
