using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;
using Tensor = TransformerCc.Isa.Tensors.Tensor;

namespace TransformerCc.Tests.Verification;

/// <summary>
/// ONNX Runtime executes the model file itself, so it shares no misreading of ours: both the reference evaluator and the
/// chip must agree with it, on inputs of sizes that no golden case has.
/// </summary>
public sealed class SecondOracleTests
{
    private const double Tolerance = 1e-4;

    [Fact]
    public void The_adder_agrees_with_onnx_runtime() => Agree(TestData.AdderModel);

    [DataTheory("models/stories260k-onnx", "models/bert-toy", "models/clip-vision", "models/whisper-decoder")]
    [InlineData("stories260k-onnx")]
    [InlineData("bert-toy")]
    [InlineData("clip-vision")]
    [InlineData("whisper-decoder")]
    public void A_model_agrees_with_onnx_runtime(string model) => Agree(TestData.Model(model));

    private static void Agree(string path)
    {
        Graph reference = OnnxImporter.Import(path, new ImportOptions(), []);
        CompilationResult compiled = CompilerDriver.Compile(path, new CompileOptions { Chip = TestChips.Default, Precision = Precision.F32 }, []);
        using LoadedProgram program = LoadedProgram.Load(compiled.Image!, TestChips.Default);
        using var oracle = new InferenceSession(path);
        foreach (IReadOnlyDictionary<string, long> sizes in RandomInputs.Sizes(reference))
        {
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(reference, sizes, seed: 11);
            IReadOnlyDictionary<string, Tensor> evaluated = GraphEvaluator.Evaluate(reference, inputs, sizes);
            RunResult run = new Session(program).Run(inputs, new TransformerCc.Runtime.RunOptions { Set = sizes });
            using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> golden = oracle.Run([.. inputs.Select(i => Named(i.Key, i.Value))]);
            foreach (DisposableNamedOnnxValue output in golden)
            {
                double[] expected = [.. output.AsEnumerable<float>().Select(x => (double)x)];
                foreach (Tensor ours in new[] { evaluated[output.Name], run.Outputs[output.Name] })
                {
                    ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(ours), expected);
                    Assert.True(errors.MaxAbsolute <= Tolerance * errors.MaxGolden, $"{output.Name} at {string.Join(", ", sizes)}: largest error {errors.MaxAbsolute} of {errors.MaxGolden}");
                }
            }
        }
    }

    private static NamedOnnxValue Named(string name, Tensor tensor)
    {
        int[] shape = [.. tensor.Shape.ToArray().Select(d => checked((int)d))];
        return tensor.Type switch
        {
            ElementType.F32 => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(tensor.AsSpan<float>().ToArray(), shape)),
            ElementType.I64 => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(tensor.AsSpan<long>().ToArray(), shape)),
            _ => throw new ArgumentException($"no test model has inputs of {tensor.Type}"),
        };
    }
}
