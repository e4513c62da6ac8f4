using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests;

/// <summary>Compiles a graph once, runs it in checking mode at several sizes, and compares with the reference evaluator.</summary>
internal static class CompiledAgreement
{
    /// <summary>Share of the largest magnitude; sums of a few hundred float32 products stay below it.</summary>
    private const double F32Error = 1e-5;

    private const double BF16Cosine = 0.999;

    /// <param name="given">Inputs that are not random.</param>
    public static void Check(Graph graph, ChipDescription chip, Precision precision, IEnumerable<IReadOnlyDictionary<string, long>> sizes, ulong seed, IReadOnlyDictionary<string, Tensor>? given = null)
    {
        CompiledGraph compiled = CompiledGraph.Of(graph, chip, precision);
        Assert.Empty(StaticChecks.Run(compiled.Image.EntryPoints[0]));
        using LoadedProgram program = LoadedProgram.Load(compiled.Image, chip);
        foreach (IReadOnlyDictionary<string, long> size in sizes)
        {
            string where = string.Join(", ", size.Select(s => $"{s.Key}={s.Value}"));
            IReadOnlyDictionary<string, Tensor> random = RandomInputs.Create(graph, size, seed);
            var inputs = random.ToDictionary(i => i.Key, i => given?.GetValueOrDefault(i.Key) ?? i.Value);
            IReadOnlyDictionary<string, Tensor> expected = GraphEvaluator.Evaluate(graph, inputs, size);
            RunResult run = new Session(program).Run(inputs, new RunOptions { Check = true, Set = size });
            Assert.True(run.Findings.Count == 0, $"{where}: {string.Join("\n", run.Findings)}");
            Assert.Equal(expected.Keys.Order(), run.Outputs.Keys.Order());
            foreach ((string name, Tensor golden) in expected)
            {
                AssertAgrees($"{name} at {where}", golden, run.Outputs[name], precision);
            }
        }
    }

    private static void AssertAgrees(string what, Tensor golden, Tensor actual, Precision precision)
    {
        Assert.Equal(golden.Type, actual.Type);
        Assert.Equal(golden.Shape.ToArray(), actual.Shape.ToArray());
        ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(actual), TensorMath.Doubles(golden));
        bool exact = !golden.Type.IsFloat();
        bool agrees = exact || errors.MaxAbsolute == 0 ? errors.MaxAbsolute == 0 : precision == Precision.F32 ? errors.MaxAbsolute <= F32Error * errors.MaxGolden : errors.Cosine >= BF16Cosine;
        Assert.True(agrees, FormattableString.Invariant($"{what}: largest error {errors.MaxAbsolute:G3} of {errors.MaxGolden:G3}, cosine {errors.Cosine:F6}"));
    }
}
