using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;
using Xunit.Abstractions;

namespace TransformerCc.Tests.LongTensors;

/// <summary>
/// Models of one tensor above 2 GiB, compiled to a file and run: results of rows on both sides of the border of 2³¹ bytes are
/// those of the reference, and are not 0.
/// </summary>
[Trait("Category", FullRun.Category)]
public sealed class LongRunTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> OnnxModels => [.. LongModel.All.Select(m => m.Name)];

    [FullTheory]
    [MemberData(nameof(OnnxModels))]
    public void Onnx_model_with_external_data(string name)
    {
        LongModel model = LongModel.All.Single(m => m.Name == name);
        var inputs = new Dictionary<string, Tensor> { ["x"] = model.Input() };
        (Tensor expected, Tensor actual) = Run(model.Write(_folder), Precision.F32, inputs, "y");
        if (name == "gather")
        {
            Assert.Equal(expected.Data.ToArray(), actual.Data.ToArray());
            Assert.Equal(SparseFile.Row(model.Rows - 1, model.Columns), actual.AsSpan<float>()[^(int)model.Columns..].ToArray());
            return;
        }
        AssertClose(expected, actual, 1e-5);
        // A sum of many numbers is never 0: each row that is written gives one in every column, or in its own.
        float[] result = actual.AsSpan<float>().ToArray();
        Assert.All(name == "gemm" ? [.. model.WrittenRows.Select(row => result[row])] : result, v => Assert.NotEqual(0, v));
    }

    /// <summary>The table of embeddings is that of the logits too, so that one tensor is gathered from and multiplied.</summary>
    [FullTheory]
    [InlineData("f16", 8192, 131_200)]
    [InlineData("q8_0", 8192, 247_000)]
    public void Gguf_with_a_long_table_of_embeddings(string type, long width, long vocabulary)
    {
        var shape = new SyntheticShape("llama") { Layers = 1, Width = width, Heads = 64, KeyHeads = 8, Hidden = 256, Vocabulary = vocabulary, Context = 64, Type = type };
        string path = Save(shape);
        long[] tokens = [.. SparseFile.Rows(vocabulary, GgufTensorType.Of(type)!.RowBytes(width))];
        WriteRows(path, "token_embd.weight", tokens);
        var inputs = new Dictionary<string, Tensor> { ["tokens"] = Tensor.From<long>(ElementType.I64, [tokens.Length, 1], tokens) };
        (Tensor expected, Tensor actual) = Run(path, Precision.BF16, inputs, "logits");
        AssertClose(expected, actual, 0.02);
        // No layer adds anything: a token is most like itself.
        double[] logits = TensorMath.Doubles(actual);
        Assert.Equal(tokens, tokens.Select((_, i) => (long)OutputComparison.IndexOfMax(logits.AsSpan(i * (int)vocabulary, (int)vocabulary))));
    }

    [FullFact]
    public void Gguf_with_long_tensors_of_experts()
    {
        const long experts = 130, width = 8192, hidden = 1024;
        var shape = new SyntheticShape("qwen3moe") { Layers = 1, Width = width, Heads = 64, KeyHeads = 8, Hidden = hidden, Vocabulary = 512, Context = 64, Experts = experts, ExpertsUsed = 4, Type = "f16" };
        string path = Save(shape);
        WriteRows(path, "token_embd.weight", [.. Enumerable.Range(0, 512)]);
        // The routers of the first expert, of those around the border, and of the last give the largest scores.
        long[] chosen = [0, SparseFile.Border / (width * hidden * 2) - 1, SparseFile.Border / (width * hidden * 2), experts - 1];
        WriteRows(path, "blk.0.ffn_gate_inp.weight", chosen);
        foreach (string part in (string[])["gate", "up"])
        {
            WriteRows(path, $"blk.0.ffn_{part}_exps.weight", [.. chosen.SelectMany(e => new[] { e * hidden, (e * hidden) + 500, (e * hidden) + hidden - 1 })]);
        }
        WriteRows(path, "blk.0.ffn_down_exps.weight", [.. chosen.SelectMany(e => new[] { e * width, (e * width) + 77, (e * width) + width - 1 })]);
        var inputs = new Dictionary<string, Tensor> { ["tokens"] = Tensor.From<long>(ElementType.I64, [1, 3], [65, 300, 511]) };
        (Tensor expected, Tensor actual) = Run(path, Precision.F32, inputs, "logits");
        AssertClose(expected, actual, 1e-3);
    }

    private string Save(SyntheticShape shape)
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        SyntheticModel.Create(shape, shapeOnly: true).WriteFile(path);
        return path;
    }

    /// <summary>Fills rows of a tensor of the file.</summary>
    private static void WriteRows(string path, string name, IReadOnlyList<long> rows)
    {
        GgufTensor tensor = GgufFile.Open(path).Tensors[name];
        long start = long.Parse(tensor.Location[(tensor.Location.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        long rowBytes = tensor.Type.RowBytes(tensor.Columns);
        using FileStream file = SparseFile.Open(path, new FileInfo(path).Length);
        foreach (long row in rows)
        {
            file.Position = start + (row * rowBytes);
            file.Write(Encode(tensor.Type, SparseFile.Row(row, tensor.Columns)));
        }
    }

    private static byte[] Encode(GgufTensorType type, float[] row)
    {
        if (type.Plain is { } plain)
        {
            return TensorMath.FromDoubles(plain, [row.Length], Array.ConvertAll(row, v => (double)v)).Data.ToArray();
        }
        // q8_0: an f16 scale and 32 codes; the numbers are from -1/2 to 1/2.
        Assert.Equal(BlockFormat.OfGgml(8), type.Blocks);
        var bytes = new List<byte>();
        foreach (float[] block in row.Chunk(32))
        {
            bytes.AddRange(BitConverter.GetBytes((Half)(1f / 256)));
            bytes.AddRange(block.Select(v => (byte)(sbyte)MathF.Round(v * 254)));
        }
        return [.. bytes];
    }

    private (Tensor Expected, Tensor Actual) Run(string model, Precision precision, Dictionary<string, Tensor> inputs, string name)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var options = new CompileOptions { Chip = TestChips.Default, Precision = precision };
        CompilationResult compilation = CompilerDriver.Compile(model, options, []);
        string binary = Path.Combine(_folder.FullName, "model.bin");
        ProgramFile.Write(binary, compilation.Image!);
        output.WriteLine($"compiled {compilation.Image!.Weights.Length} bytes of weights and {compilation.Image.EntryPoints.Sum(e => e.Instructions.Length)} instructions in {watch.Elapsed.TotalSeconds:F1} s");
        watch.Restart();
        using LoadedProgram program = LoadedProgram.Open(binary, TestChips.Default);
        Tensor actual = new Session(program).Run(inputs, new RunOptions()).Outputs[name];
        output.WriteLine($"loaded and run in {watch.Elapsed.TotalSeconds:F1} s");
        watch.Restart();
        Tensor expected = GraphEvaluator.Evaluate(compilation.Graph, inputs)[name];
        output.WriteLine($"evaluated in {watch.Elapsed.TotalSeconds:F1} s");
        return (expected, actual);
    }

    private static void AssertClose(Tensor expected, Tensor actual, double limit)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(actual), TensorMath.Doubles(expected));
        Assert.True(errors.MaxGolden > 0.01 && errors.MaxAbsolute <= limit * errors.MaxGolden, FormattableString.Invariant($"largest error {errors.MaxAbsolute:G3} of {errors.MaxGolden:G3}"));
    }
}
