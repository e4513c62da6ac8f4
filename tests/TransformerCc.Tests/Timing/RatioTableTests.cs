using System.Globalization;
using System.Text;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Exporters.Onnx;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Timing;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Timing;

/// <summary>
/// How close programs for models of published shapes come to their rooflines: every case of the table is compiled from a
/// shape-only model and timed; nothing is executed. The README of the tests says how to look into a case.
/// </summary>
public sealed class RatioTableTests
{
    private const long Past = 1024, Context = 4096, Batch = 64;

    /// <summary>A model on a chip, compiled once for its cases.</summary>
    /// <param name="Type">Of a GGUF model's matrices; null: an ONNX model.</param>
    private sealed record Subject(string Preset, string? Type, string Chip, params Case[] Cases);

    private sealed record Case(string Name, long Batch, long Length = 1, long Past = Past);

    private static readonly Subject[] s_subjects =
    [
        new("llama-8b", "q4_k", "tx1", new Case("decode", 1), new Case("decode, batch 32", 32)),
        new("llama-8b", "q4_k", "tx1-server", new Case("decode", 1)),
        new("llama-1b", "q4_k", "tx1", new Case("decode", 1)),
        new("llama-1b", "bf16", "tx1-edge", new Case("decode", 1)),
        new("llama-1b", "bf16", "tx1-embedded", new Case("decode", 1)),
        new("qwen2-1.5b", "q4_k", "tx1-edge", new Case("decode", 1)),
        new("llama-8b", "bf16", "tx1", new Case("prefill 512", 1, 512, 0), new Case("prefill 4096", 1, 4096, 0)),
        new("bert-base", "bf16", "tx1", new Case("128 tokens", 1, 128, 0), new Case("512 tokens", 1, 512, 0)),
        new("vit-b16", null, "tx1", new Case("batch 8", 8)),
        new("whisper-base", null, "tx1-embedded", new Case("encoder", 1)),
        new("mixtral-8x7b", "q4_k", "tx1-server", new Case("decode", 1), new Case("decode, batch 32", 32)),
        new("llama-70b", "q4_k", "tx1-server", new Case("decode", 1)),
    ];

    [Fact]
    public void Bound_and_time_of_published_shapes()
    {
        var rows = new string[s_subjects.Length];
        Parallel.For(0, rows.Length, i => rows[i] = Rows(s_subjects[i]));
        Snapshot.Match($"{"case",-38} {"chip",-12} {"bound",13} {"simulated",13} {"ratio",6}\n{string.Concat(rows)}");
    }

    private static string Rows(Subject subject)
    {
        using var folder = new TemporaryFolder();
        ChipDescription chip = ChipDescriptions.Load(subject.Chip);
        string path = Path.Combine(folder.FullName, subject.Type is null ? "model.onnx" : "model.gguf");
        var gguf = new GgufOptions();
        if (subject.Type is null)
        {
            SyntheticEncoder.Create(EncoderPresets.All[subject.Preset], shapeOnly: true).WriteFile(path);
        }
        else
        {
            SyntheticShape shape = SyntheticPresets.All[subject.Preset] with { Type = subject.Type };
            SyntheticModel.Create(shape, shapeOnly: true).WriteFile(path);
            gguf = new GgufOptions { Context = long.Min(Context, shape.Context), Batch = Batch };
        }
        ProgramImage image = CompilerDriver.Compile(path, new CompileOptions { Chip = chip, Gguf = gguf }, []).Image!;
        var rows = new StringBuilder();
        foreach (Case c in subject.Cases)
        {
            Dictionary<string, long> sizes = new(StringComparer.Ordinal) { ["batch"] = c.Batch, ["batch_size"] = c.Batch, ["length"] = c.Length, ["past"] = c.Past };
            foreach (string unknown in sizes.Keys.Where(k => !image.Dimensions.Any(d => d.Name == k) && !image.Tensors.Any(t => t.Name == k && t.Fill is not null)).ToArray())
            {
                sizes.Remove(unknown);
            }
            TimingReport report = TimingModel.Run(image, chip, sizes);
            string name = $"{subject.Preset} {subject.Type ?? "bf16"} {c.Name}";
            rows.Append(CultureInfo.InvariantCulture, $"{name,-38} {subject.Chip,-12} {report.Bound!.Cycles,13:N0} {report.Cycles,13:N0} {report.Bound.Cycles / report.Cycles,6:F3}\n");
        }
        return rows.ToString();
    }
}
