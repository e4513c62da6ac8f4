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
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;
using Tensor = TransformerCc.Isa.Tensors.Tensor;

namespace TransformerCc.Tests.Verification;

/// <summary>ONNX Runtime on the model file itself, against the reference evaluator and the chip, at several sizes from one binary.</summary>
internal static class SecondOracle
{
    private const double Tolerance = 1e-4;

    /// <param name="given">Inputs that are not random.</param>
    /// <param name="tolerance">Share of the largest magnitude.</param>
    public static CompilationResult Agree(OnnxBuilder model, IReadOnlyList<IReadOnlyDictionary<string, long>>? sizes = null, IReadOnlyDictionary<string, Tensor>? given = null, double tolerance = Tolerance)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "model.onnx");
        File.WriteAllBytes(path, model.Bytes());
        return Agree(path, sizes, given, tolerance);
    }

    public static CompilationResult Agree(string path, IReadOnlyList<IReadOnlyDictionary<string, long>>? sizes = null, IReadOnlyDictionary<string, Tensor>? given = null, double tolerance = Tolerance)
    {
        Graph reference = OnnxImporter.Import(path, new ImportOptions(), []);
        CompilationResult compiled = CompilerDriver.Compile(path, new CompileOptions { Chip = TestChips.Default, Precision = Precision.F32 }, []);
        using LoadedProgram program = LoadedProgram.Load(compiled.Image!, TestChips.Default);
        using var oracle = new InferenceSession(path);
        foreach (IReadOnlyDictionary<string, long> size in sizes ?? RandomInputs.Sizes(reference))
        {
            var inputs = RandomInputs.Create(reference, size, seed: 11).ToDictionary(i => i.Key, i => given?.GetValueOrDefault(i.Key) ?? i.Value);
            IReadOnlyDictionary<string, Tensor> evaluated = GraphEvaluator.Evaluate(reference, inputs, size);
            RunResult run = new Session(program).Run(inputs, new TransformerCc.Runtime.RunOptions { Set = size, Check = true });
            Assert.Empty(run.Findings);
            foreach ((string name, Tensor golden) in Run(oracle, inputs))
            {
                string where = $"{name} at {string.Join(", ", size)}";
                Compare(golden, evaluated[name], $"{where}, reference", tolerance);
                Compare(golden, run.Outputs[name], $"{where}, chip", tolerance);
            }
        }
        return compiled;
    }

    /// <summary>The outputs of ONNX Runtime.</summary>
    public static IReadOnlyDictionary<string, Tensor> Run(InferenceSession session, IReadOnlyDictionary<string, Tensor> inputs)
    {
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = session.Run([.. inputs.Select(i => Named(i.Key, i.Value))]);
        return outputs.ToDictionary(o => o.Name, Converted, StringComparer.Ordinal);
    }

    private static Tensor Converted(DisposableNamedOnnxValue output)
    {
        return output.ElementType switch
        {
            TensorElementType.Float => Of(ElementType.F32, output.AsTensor<float>()),
            TensorElementType.Float16 => Of(ElementType.F16, output.AsTensor<Float16>()),
            TensorElementType.Int64 => Of(ElementType.I64, output.AsTensor<long>()),
            TensorElementType.Int32 => Of(ElementType.I32, output.AsTensor<int>()),
            TensorElementType.UInt8 => Of(ElementType.U8, output.AsTensor<byte>()),
            TensorElementType.Int8 => Of(ElementType.I8, output.AsTensor<sbyte>()),
            TensorElementType.Bool => Of(ElementType.Bool, output.AsTensor<bool>()),
            _ => throw new ArgumentException($"no test model has outputs of {output.ElementType}"),
        };

        static Tensor Of<T>(ElementType type, Tensor<T> tensor) where T : unmanaged => Tensor.From<T>(type, [.. tensor.Dimensions.ToArray().Select(d => (long)d)], tensor.ToArray());
    }

    private static void Compare(Tensor golden, Tensor ours, string where, double tolerance)
    {
        double[] expected = TensorMath.Doubles(golden), actual = TensorMath.Doubles(ours);
        Assert.True(expected.Length == actual.Length, $"{where}: {actual.Length} elements, {expected.Length} expected");
        ErrorMeasures errors = ErrorMeasures.Of(actual, expected);
        Assert.True(errors.MaxAbsolute <= (golden.Type.IsFloat() ? tolerance * errors.MaxGolden : 0), $"{where}: largest error {errors.MaxAbsolute} of {errors.MaxGolden}");
    }

    private static NamedOnnxValue Named(string name, Tensor tensor)
    {
        int[] shape = [.. tensor.Shape.ToArray().Select(d => checked((int)d))];
        NamedOnnxValue Of<T>(T[] values) => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<T>(values, shape));
        return tensor.Type switch
        {
            ElementType.F32 => Of(tensor.AsSpan<float>().ToArray()),
            ElementType.F16 => Of(Array.ConvertAll(tensor.AsSpan<ushort>().ToArray(), v => new Float16(v))),
            ElementType.I64 => Of(tensor.AsSpan<long>().ToArray()),
            ElementType.I32 => Of(tensor.AsSpan<int>().ToArray()),
            ElementType.U8 => Of(tensor.AsSpan<byte>().ToArray()),
            ElementType.I8 => Of(tensor.AsSpan<sbyte>().ToArray()),
            ElementType.Bool => Of(Array.ConvertAll(tensor.AsSpan<byte>().ToArray(), b => b != 0)),
            _ => throw new ArgumentException($"no test model has inputs of {tensor.Type}"),
        };
    }
}
