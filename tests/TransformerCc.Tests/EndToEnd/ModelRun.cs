using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.EndToEnd;

/// <summary>A model through importer, compiler, one binary file, and the emulator, on every case of its folder.</summary>
internal static class ModelRun
{
    private const double BF16Cosine = 0.999;

    /// <summary>Rows whose two largest goldens are closer than this share of the largest may swap.</summary>
    private const double CloseCall = 0.02;

    /// <param name="f32Limit">Largest error of an output at f32.</param>
    /// <param name="classifies">At bf16 the largest element of each row must stay where it is, unless it is a close call.</param>
    public static void Check(string model, string casesFolder, ChipDescription chip, Precision precision, Func<string, double> f32Limit, bool classifies)
    {
        CompilationResult compilation = CompilerDriver.Compile(model, new CompileOptions { Chip = chip, Precision = precision }, []);
        Assert.Equal(0, GraphSummary.Count(compilation.Graph).ScoreSoftmax);
        Assert.All(compilation.Image!.EntryPoints, e => Assert.Empty(StaticChecks.Run(e)));
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "model.bin");
        ProgramFile.Write(binary, compilation.Image);
        using LoadedProgram program = LoadedProgram.Open(binary, chip);
        string[] Names(TensorKind kind) => [.. program.Image.Tensors.Where(t => t.Kind == kind).Select(t => t.Name)];
        foreach (Case c in CaseFinder.Find(casesFolder))
        {
            RunResult run = new Session(program).Run(TensorFolder.Read(c.InputsFolder, Names(TensorKind.Input)), new RunOptions { Check = true });
            Assert.True(run.Findings.Count == 0, $"case {c.Name}: {string.Join("\n", run.Findings)}");
            foreach ((string name, Tensor golden) in TensorFolder.Read(c.OutputsFolder, Names(TensorKind.Output)))
            {
                Compare($"{name} of case {c.Name}", golden, run.Outputs[name], precision, f32Limit(name), classifies);
            }
        }
    }

    private static void Compare(string what, Tensor golden, Tensor actual, Precision precision, double f32Limit, bool classifies)
    {
        Assert.Equal(golden.Type, actual.Type);
        Assert.Equal(golden.Shape.ToArray(), actual.Shape.ToArray());
        double[] g = TensorMath.Doubles(golden), a = TensorMath.Doubles(actual);
        ErrorMeasures errors = ErrorMeasures.Of(a, g);
        if (!golden.Type.IsFloat())
        {
            Assert.True(errors.MaxAbsolute == 0, $"{what} differs");
        }
        else if (precision == Precision.F32)
        {
            Assert.True(errors.MaxAbsolute <= f32Limit, FormattableString.Invariant($"{what}: largest error {errors.MaxAbsolute:G3}, allowed {f32Limit:G3}"));
        }
        else
        {
            Assert.True(errors.Cosine >= BF16Cosine, FormattableString.Invariant($"{what}: cosine {errors.Cosine:F6}"));
            if (classifies)
            {
                CompareArgmax(what, g, a, (int)golden.Shape[^1]);
            }
        }
    }

    private static void CompareArgmax(string what, double[] golden, double[] actual, int width)
    {
        for (int start = 0; start < golden.Length; start += width)
        {
            ReadOnlySpan<double> row = golden.AsSpan(start, width);
            int best = OutputComparison.IndexOfMax(row);
            double second = double.NegativeInfinity;
            for (int i = 0; i < width; i++)
            {
                second = i == best ? second : Math.Max(second, row[i]);
            }
            int found = OutputComparison.IndexOfMax(actual.AsSpan(start, width));
            Assert.True(found == best || row[best] - second <= CloseCall * Math.Abs(row[best]), $"{what}: row {start / width} has its largest element at {found}, not at {best}");
        }
    }
}
