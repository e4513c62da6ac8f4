using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Tests.Importers;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>The backend suite: its layout, what counts as passed, and which of ONNX's own tests do.</summary>
public sealed class ConformanceTests : IDisposable
{
    private const string Suite = "conformance/onnx-node";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// Every test of the accepted pass list still passes; a regression names its tests and their reasons. A test that
    /// passes newly is no failure: accepting the snapshot adds it to the list.
    /// </summary>
    [DataFact(Suite)]
    public void Node_tests()
    {
        var options = new CompileOptions { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName), Precision = Precision.F32 };
        IReadOnlyList<ConformanceTest> tests = ConformanceTest.Find(TestData.Get(Suite));
        var results = new ConformanceResult[tests.Count];
        Parallel.For(0, tests.Count, i => results[i] = ConformanceRunner.Run(tests[i], options));
        if (Environment.GetEnvironmentVariable(Snapshot.AcceptVariable) == "1")
        {
            Snapshot.Match(string.Join('\n', results.Where(r => r.Reason is null).Select(Line)));
        }
        string[] accepted = File.ReadAllLines(Path.Combine(TestData.Repository, "tests", "TransformerCc.Tests", "Verification", "ConformanceTests.Node_tests.verified.txt"));
        Assert.Equal([], accepted.Except(results.Select(Line)).Select(lost => $"{lost} is lost; now: {string.Join(", ", results.Where(r => r.Name == lost.Split(' ')[1]).Select(Line))}"));
    }

    private static string Line(ConformanceResult r) =>
        $"{r.Outcome} {r.Name}{(r.Constants.Count > 0 ? $" (constants: {string.Join(", ", r.Constants)})" : "")}{(r.Reason is null ? "" : $": {r.Reason}")}";

    [Fact]
    public void A_test_passes_fails_or_folds()
    {
        Write("add", new OnnxBuilder().Input("a", 1, 2).Input("b", 1, 2).Output("c", 1, 2).Node("Add", "a b", "c"), [Floats(1, 2), Floats(3, 4)], [Floats(4, 6)]);
        Write("deeper/wrong", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Node("Neg", "a", "c"), [Floats(1, 2)], [Floats(1, 2)]);
        Write("shape", new OnnxBuilder().Input("a", 1, 2).Output("c", 7, 1).Node("Shape", "a", "c"), [Floats(1, 2)], [Longs(2)]);
        Write("reshape", new OnnxBuilder().Input("a", 1, 2).Input("s", 7, 2).Output("c", 1, 1, 2).Node("Reshape", "a s", "c"), [Floats(1, 2), Longs(1, 2)], [Floats(1, 2).WithDims(1, 2)]);
        Write("unknown", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Node("Sing", "a", "c"), [Floats(1, 2)], [Floats(1, 2)]);
        ToolRun run = ToolRun.Of("conformance", _folder.FullName, "--precision", "f32");
        Assert.Equal(1, run.ExitCode);
        Snapshot.Match(run.Output);
    }

    /// <summary>Tensors without elements and without dimensions, outputs that are inputs or constants.</summary>
    [Fact]
    public void Edges_of_shapes()
    {
        TensorProto none = Floats().WithDims(0, 2), both = Floats(1, 2).WithDims(1, 2);
        Write("concat-empty", new OnnxBuilder().Input("a", 1, 0, 2).Input("b", 1, 1, 2).Output("c", 1, 1, 2).Node("Concat", "a b", "c", OnnxBuilder.Int("axis", 0)), [none, both], [both]);
        Write("constant", new OnnxBuilder().Input("a", 1, 2).Floats("k", [2], 5, 6).Output("c", 1, 2).Output("k", 1, 2).Node("Neg", "a", "c"), [Floats(1, 2)], [Floats(-1, -2), Floats(5, 6)]);
        Write("empty", new OnnxBuilder().Input("a", 1, 0, 2).Input("b", 1, 1, 2).Output("c", 1, 0, 2).Node("Add", "a b", "c"), [none, both], [none]);
        Write("identity", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Node("Identity", "a", "c"), [Floats(1, 2)], [Floats(1, 2)]);
        Write("pass-through", new OnnxBuilder().Input("a", 1, 2).Output("a", 1, 2).Output("c", 1, 2).Node("Neg", "a", "c"), [Floats(1, 2)], [Floats(1, 2), Floats(-1, -2)]);
        Write("reduce-empty", new OnnxBuilder(opset: 11).Input("a", 1, 0, 2).Output("c", 1, 1, 2).Node("ReduceSum", "a", "c", OnnxBuilder.Ints("axes", 0)), [none], [Floats(0, 0).WithDims(1, 2)]);
        Write("scalar", new OnnxBuilder().Input("a", 7).Input("b", 7).Output("c", 7).Node("Mul", "a b", "d").Node("Neg", "d", "c"), [Longs(3).WithDims(), Longs(4).WithDims()], [Longs(-12).WithDims()]);
        Write("softmax-empty", new OnnxBuilder().Input("a", 1, 0, 2).Output("c", 1, 0, 2).Node("Softmax", "a", "c", OnnxBuilder.Int("axis", -1)), [none], [none]);
        Write("twice", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Output("d", 1, 2).Node("Neg", "a", "c").Node("Identity", "c", "d"), [Floats(1, 2)], [Floats(-1, -2), Floats(-1, -2)]);
        Snapshot.Match(ToolRun.Of("conformance", _folder.FullName, "--precision", "f32").Output);
    }

    [Fact]
    public void Json_has_the_reasons()
    {
        Write("unknown", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Node("Sing", "a", "c"), [Floats(1, 2)], [Floats(1, 2)]);
        Snapshot.Match(ToolRun.Of("conformance", _folder.FullName, "--precision", "f32", "--json").Output);
    }

    [Fact]
    public void A_damaged_tensor_is_a_failure_with_its_reason()
    {
        Write("add", new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Node("Neg", "a", "c"), [Floats(1, 2)], [Floats(-1, -2)]);
        File.WriteAllBytes(Path.Combine(_folder.FullName, "add", "test_data_set_0", "input_0.pb"), [0x0a, 0xff, 0xff]);
        ToolRun run = ToolRun.Of("conformance", _folder.FullName);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("FAIL   add: TCC1001 not a valid tensor file", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_golden_that_is_missing_or_belongs_to_nothing_fails()
    {
        OnnxBuilder model = new OnnxBuilder().Input("a", 1, 2).Output("c", 1, 2).Output("d", 1, 2).Node("Neg", "a", "c").Node("Abs", "a", "d");
        Write("missing", model, [Floats(1, 2)], [Floats(-1, -2)]);
        Write("more", model, [Floats(1, 2)], [Floats(-1, -2), Floats(1, 2), Floats(1, 2)]);
        string output = ToolRun.Of("conformance", _folder.FullName, "--precision", "f32").Output;
        Assert.Contains("FAIL   missing: output d: has no golden", output, StringComparison.Ordinal);
        Assert.Contains("FAIL   more: output_2.pb is the golden of no output", output, StringComparison.Ordinal);
    }

    [Fact]
    public void No_test_is_usage_and_no_folder_is_invalid()
    {
        Assert.Equal((int)FailureKind.Usage, ToolRun.Of("conformance", _folder.FullName).ExitCode);
        Assert.Equal((int)FailureKind.InvalidInput, ToolRun.Of("conformance", Path.Combine(_folder.FullName, "absent")).ExitCode);
    }

    private void Write(string name, OnnxBuilder model, TensorProto[] inputs, TensorProto[] outputs)
    {
        string data = Path.Combine(_folder.FullName, name, "test_data_set_0");
        Directory.CreateDirectory(data);
        File.WriteAllBytes(Path.Combine(_folder.FullName, name, "model.onnx"), model.Model.ToByteArray());
        foreach ((string kind, TensorProto[] tensors) in new[] { ("input", inputs), ("output", outputs) })
        {
            for (int i = 0; i < tensors.Length; i++)
            {
                File.WriteAllBytes(Path.Combine(data, string.Create(CultureInfo.InvariantCulture, $"{kind}_{i}.pb")), tensors[i].ToByteArray());
            }
        }
    }

    private static TensorProto Floats(params float[] values) => new() { DataType = 1, Dims = { values.Length }, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };

    private static TensorProto Longs(params long[] values) => new() { DataType = 7, Dims = { values.Length }, Int64Data = { values } };
}

file static class TensorProtoExtensions
{
    public static TensorProto WithDims(this TensorProto tensor, params long[] dims)
    {
        tensor.Dims.Clear();
        tensor.Dims.AddRange(dims);
        return tensor;
    }
}
