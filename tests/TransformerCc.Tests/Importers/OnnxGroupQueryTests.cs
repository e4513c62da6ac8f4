using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Verification;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Importers;

/// <summary>
/// GroupQueryAttention against its description, computed position by position, and against ONNX Runtime wherever its CPU
/// kernel has what the case needs. Both must agree with the evaluator and with the compiled program.
/// </summary>
public sealed class OnnxGroupQueryTests
{
    private const double Tolerance = 1e-4;

    private static readonly Dictionary<string, GroupQueryCase> s_cases = new()
    {
        ["prompt"] = new([0], 5, 4, 2, 0) { Rotated = 8 },
        ["prompt of a batch, one key head"] = new([0, 0, 0], 4, 3, 1, 0),
        ["decode behind pasts of several lengths"] = new([3, 0, 6], 1, 4, 2, 6) { Rotated = 8, IsInterleaved = true },
        ["decode in a cache of fixed capacity"] = new([4, 2], 1, 2, 2, 9),
        ["several tokens behind a past"] = new([3], 4, 4, 4, 3) { Rotated = 8 },
        ["positions of a first prompt"] = new([0, 0], 4, 2, 1, 0) { Rotated = 8, HasPositions = true },
        ["positions behind a past"] = new([3], 4, 2, 1, 3) { Rotated = 8, HasPositions = true, IsSymbolic = true, IsTotalInput = true },
        ["positions of a decode step"] = new([3, 1], 1, 2, 1, 5) { Rotated = 8, HasPositions = true },
        ["packed"] = new([2], 3, 4, 2, 8) { IsPacked = true, Rotated = 8 },
        ["window of 1"] = new([3], 4, 2, 1, 3) { Window = 1 },
        ["window of 2"] = new([0], 5, 2, 1, 0) { Window = 2, SoftCap = 1.5f },
        ["window longer than the sequence"] = new([3, 1], 1, 2, 1, 4) { Window = 50 },
        ["all keys"] = new([0], 5, 4, 2, 0) { IsCausal = false },
        ["all keys behind a past"] = new([3], 2, 4, 2, 8) { IsCausal = false, HasSink = true },
        ["bias in a cache of fixed capacity"] = new([2], 3, 4, 2, 8) { HasBias = true, SoftCap = 2 },
        ["bias and sinks"] = new([0], 4, 4, 2, 0) { HasBias = true, HasSink = true, Window = 3 },
        ["smooth"] = new([2], 1, 2, 1, 2) { IsSmooth = true },
        ["scores"] = new([2], 3, 4, 2, 8) { Scores = 1, SoftCap = 2, HasBias = true, Window = 2 },
        ["weights"] = new([0], 4, 4, 2, 0) { Scores = 2, HasSink = true },
        ["total is an input, fixed capacity"] = new([4, 2], 1, 2, 2, 9) { IsTotalInput = true },
        ["total is an input, growing past"] = new([3], 2, 4, 2, 3) { IsTotalInput = true, IsSymbolic = true },
        ["keys of another layer"] = new([3], 2, 4, 2, 8) { IsShared = true },
        ["int8"] = new([3], 2, 4, 2, 3) { Kind = "PER_TENSOR", Bits = 8 },
        ["int8 by channel"] = new([3, 1], 1, 4, 2, 9) { Kind = "PER_CHANNEL", Bits = 8, Rotated = 8 },
        ["int8, total is an input"] = new([3], 2, 4, 2, 3) { Kind = "PER_TENSOR", Bits = 8, IsTotalInput = true, IsSymbolic = true },
        ["int8 prompt"] = new([0], 4, 4, 1, 6) { Kind = "PER_TENSOR", Bits = 8, Window = 2 },
        ["int4"] = new([3], 2, 4, 2, 3) { Kind = "PER_TENSOR", Bits = 4 },
        ["int4 by channel"] = new([3, 1], 1, 4, 2, 9) { Kind = "PER_CHANNEL", Bits = 4, HasSink = true },
        ["windowed cache, first step"] = new([0], 3, 2, 1, 5) { IsSliding = true, Window = 4 },
        ["windowed cache, exact"] = new([9], 1, 2, 1, 4) { IsSliding = true, Window = 4, Rotated = 8 },
        ["windowed cache with slack"] = new([12], 1, 2, 1, 7) { IsSliding = true, Window = 4 },
        ["windowed cache, more tokens than rows"] = new([6], 9, 4, 2, 5) { IsSliding = true, Window = 3, HasSink = true },
        ["windowed cache, sequences of several lengths"] = new([11, 2, 5], 1, 4, 2, 6) { IsSliding = true, Window = 4 },
        ["windowed cache of int8"] = new([9], 2, 4, 2, 5) { IsSliding = true, Window = 3, Kind = "PER_TENSOR", Bits = 8 },
        ["norm of heads"] = new([3], 2, 4, 2, 3) { HasNorm = true, Rotated = 8 },
        ["norm of packed heads"] = new([3, 0], 1, 4, 2, 7) { HasNorm = true, IsPacked = true, Rotated = 4, IsInterleaved = true },
        ["norm of heads with int8"] = new([3], 1, 4, 2, 3) { HasNorm = true, Kind = "PER_CHANNEL", Bits = 8 },
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Gives_what_its_description_says(string name)
    {
        GroupQueryCase call = s_cases[name];
        OnnxBuilder model = call.Model();
        Dictionary<string, Tensor> inputs = call.Inputs();
        Dictionary<string, double[]> expected = call.Expected(inputs);
        Graph graph = model.Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        IReadOnlyDictionary<string, Tensor> evaluated = GraphEvaluator.Evaluate(graph, inputs, call.Sizes), run = Chip(model, inputs, call.Sizes);
        foreach ((string output, double[] values) in expected)
        {
            Close(values, evaluated[output], $"{output}, reference");
            Close(values, run[output], $"{output}, chip");
        }
    }

    /// <summary>The CPU kernel has no norm of heads. Rows of a windowed cache that hold nothing differ, so only y is compared there.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_description_is_what_onnx_runtime_computes(string name)
    {
        GroupQueryCase call = s_cases[name];
        if (call.HasNorm)
        {
            Assert.Contains("q_norm_weight", Assert.ThrowsAny<Exception>(() => Oracle(call)).Message, StringComparison.Ordinal);
            return;
        }
        foreach ((string output, double[] values) in call.Expected(call.Inputs()))
        {
            Close(values, Oracle(call)[output], output);
        }
    }

    private static IReadOnlyDictionary<string, Tensor> Oracle(GroupQueryCase call)
    {
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(call.Model().Bytes());
        return SecondOracle.Run(session, call.Inputs());
    }

    private static IReadOnlyDictionary<string, Tensor> Chip(OnnxBuilder model, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> sizes)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "model.onnx");
        File.WriteAllBytes(path, model.Bytes());
        CompilationResult compiled = CompilerDriver.Compile(path, new CompileOptions { Chip = TestChips.Default, Precision = Precision.F32 }, []);
        using LoadedProgram program = LoadedProgram.Load(compiled.Image!, TestChips.Default);
        RunResult run = new Session(program).Run(inputs, new RunOptions { Set = sizes, Check = true });
        Assert.Empty(run.Findings);
        return run.Outputs;
    }

    /// <summary>Codes agree exactly, but for a step where a number lies between two; NaN is a number left open.</summary>
    private static void Close(double[] expected, Tensor actual, string what)
    {
        double[] values = TensorMath.Doubles(actual);
        Assert.True(expected.Length == values.Length, $"{what}: {values.Length} elements, {expected.Length} expected");
        double scale = actual.Type.IsFloat() ? expected.Where(double.IsFinite).Select(Math.Abs).Append(1).Max() * Tolerance : 0;
        for (int i = 0; i < values.Length; i++)
        {
            Assert.True(double.IsNaN(expected[i]) || Math.Abs(expected[i] - values[i]) <= scale, $"{what}: element {i} is {values[i]}, {expected[i]} expected");
        }
    }

    /// <summary>A total that contradicts what was taken for the length of the result stops the run.</summary>
    [Theory]
    [InlineData("total is an input, fixed capacity", 10)]
    [InlineData("total is an input, growing past", 3)]
    [InlineData("total is an input, growing past", 9)]
    public void A_total_that_contradicts_the_cache_is_trapped(string name, int total)
    {
        GroupQueryCase call = s_cases[name];
        Dictionary<string, Tensor> inputs = call.Inputs();
        inputs["total"] = Tensor.From<int>(ElementType.I32, [1], [total]);
        Assert.ThrowsAny<Exception>(() => Chip(call.Model(), inputs, call.Sizes));
    }

    [Fact]
    public void What_is_taken_for_the_length_of_the_result_is_told()
    {
        DiagnosticList diagnostics = [];
        s_cases["total is an input, growing past"].Model().Import(diagnostics: diagnostics);
        Assert.Contains(diagnostics, d => d.Code == ImportCodes.Assumption && d.Message.Contains("past + seq", StringComparison.Ordinal));
    }

    public static TheoryData<string> Refusals => [.. s_refusals.Keys];

    private static readonly Dictionary<string, (GroupQueryCase Call, Action<Compiler.Importers.Onnx.Proto.NodeProto> Change, string Reason)> s_refusals = new()
    {
        ["causal"] = (s_cases["prompt"], n => n.Attribute.Add(OnnxBuilder.Int("causal", 2)), "causal = 2"),
        ["window of no key"] = (s_cases["prompt"], n => n.Attribute.Add(OnnxBuilder.Int("local_window_size", 0)), "local_window_size 0"),
        ["window without the causal mask"] = (s_cases["all keys"], n => n.Attribute.Add(OnnxBuilder.Int("local_window_size", 3)), "needs the causal mask"),
        ["kind of codes"] = (s_cases["int8"], n => Set(n, "k_quant_type", a => a.S = Google.Protobuf.ByteString.CopyFromUtf8("PER_GROUP")), "PER_GROUP"),
        ["width of codes"] = (s_cases["int8"], n => Set(n, "kv_cache_bit_width", a => a.I = 4), "kv_cache_bit_width 4"),
        ["scale by channel"] = (s_cases["int8"], n => Set(n, "v_quant_type", a => a.S = Google.Protobuf.ByteString.CopyFromUtf8("PER_CHANNEL")), "needs 32"),
        ["codes without a kind"] = (s_cases["int8"], n => Set(n, "k_quant_type", a => a.S = Google.Protobuf.ByteString.CopyFromUtf8("NONE")), "k_quant_type is NONE"),
        ["scores not chosen"] = (s_cases["scores"], n => Set(n, "qk_output", a => a.I = 0), "qk_output"),
        ["small windowed cache"] = (s_cases["windowed cache, exact"], n => Set(n, "local_window_size", a => a.I = 5), "does not hold a window of 5"),
        ["windowed cache without a window"] = (s_cases["decode in a cache of fixed capacity"], n => n.Attribute.Add(OnnxBuilder.Int("sliding_window_cache", 1)), "local_window_size"),
        ["bias of a windowed cache"] = (s_cases["bias in a cache of fixed capacity"] with { Window = 4, IsSliding = true }, _ => { }, "attention_bias with sliding_window_cache"),
    };

    private static void Set(Compiler.Importers.Onnx.Proto.NodeProto node, string attribute, Action<Compiler.Importers.Onnx.Proto.AttributeProto> change) => change(node.Attribute.First(a => a.Name == attribute));

    /// <summary>Every refusal says why, and gives a help of its own: the node is the first of its model, so ending the graph ahead of it is none.</summary>
    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_cannot_be_is_refused_with_a_way_on(string name)
    {
        (GroupQueryCase call, Action<Compiler.Importers.Onnx.Proto.NodeProto> change, string reason) = s_refusals[name];
        OnnxBuilder model = call.Model();
        change(model.Model.Graph.Node[0]);
        Diagnostic error = Assert.Single(model.ImportErrors());
        Assert.Equal(ImportCodes.BadNode, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("run this part on the host", error.Help, StringComparison.Ordinal);
    }
}
