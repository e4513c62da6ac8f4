using System.Text.Json;
using Google.Protobuf;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>Goldens that the chip itself gave pass; one wrong element, a wrong shape or type, a missing or a strange file fail.</summary>
public sealed class WrongGoldenTests : IDisposable
{
    private const long Rows = 4, Columns = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Types of outputs, as numbers of TensorProto.</summary>
    public static TheoryData<int> Types { get; } = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16];

    [Theory]
    [MemberData(nameof(Types))]
    public void One_wrong_element_of_an_output_of_any_type_fails(int type)
    {
        Model(new OnnxBuilder().Input("x", 1, Rows, Columns).Output("y", type, Rows, Columns).Node("Cast", "x", "y", OnnxBuilder.Int("to", type)), Ramp());
        Expect(0);
        Tensor right = Golden("y");
        Assert.Equal(Rows * Columns, right.Count);
        for (int at = 0; at < right.Count; at += 31)
        {
            Give("y", Changed(right, at));
            JsonElement output = Expect(1).Output("y");
            Assert.StartsWith("1 of 32 elements differ", output.GetProperty("remarks")[0].GetString(), StringComparison.Ordinal);
            Assert.Contains($"the first at [{at / Columns}, {at % Columns}]", output.GetProperty("remarks")[0].GetString(), StringComparison.Ordinal);
        }
        if (right.Type.IsFloat())
        {
            foreach (double value in (double[])[double.NaN, double.PositiveInfinity, double.NegativeInfinity])
            {
                Give("y", Changed(right, 17, value));
                Expect(1);
                Expect(1, "--atol", "1000", "--rtol", "1");
            }
        }
        Give("y", right.Reshape([Columns, Rows]));
        Assert.Contains("the golden is", Expect(1).Output("y").GetProperty("problem").GetString(), StringComparison.Ordinal);
        Give("y", right.Type == ElementType.I32 ? TensorMath.FromLongs(ElementType.I64, right.Shape, TensorMath.Longs(right)) : TensorMath.FromDoubles(ElementType.I32, right.Shape, TensorMath.Doubles(right)));
        Assert.Contains("the golden is", Expect(1).Output("y").GetProperty("problem").GetString(), StringComparison.Ordinal);
        File.Delete(At("outputs/y.npy"));
        Assert.Equal("has no golden", Expect(1).Output("y").GetProperty("problem").GetString());
        Give("y", right);
        Give("z", right);
        Assert.Equal("is the golden of no output; the outputs are \"y\"", Expect(1).Output("z.npy").GetProperty("problem").GetString());
    }

    [Theory]
    [InlineData("label", 2, 3)]
    [InlineData("narrow", 2, 3)]
    [InlineData("places", 3, 7)]
    [InlineData("best", 3, 9)]
    [InlineData("logits", 12, 100)]
    [InlineData("positive", 3, 0)]
    public void One_wrong_element_of_an_output_beside_others_fails(string name, int at, double value)
    {
        Classifier([.. Enumerable.Range(0, (int)(Columns * Columns)).Select(i => (float)((i * 37 % 64) - 32))]);
        Expect(0);
        Tensor right = Golden(name);
        Give(name, Changed(right, at, right.Type == ElementType.Bool ? 1 - TensorMath.Longs(right)[at] : value));
        Verdict verdict = Expect(1);
        Assert.False(verdict.Output(name).GetProperty("passed").GetBoolean());
        Assert.All(verdict.Outputs, o => Assert.Equal(o.GetProperty("name").GetString() != name, o.GetProperty("passed").GetBoolean()));
    }

    /// <summary>Columns 0 and 1 differ by less than bf16 tells apart, so that the chip takes the first of them.</summary>
    [Fact]
    public void A_near_tie_passes_and_the_table_says_why()
    {
        var weights = new float[Columns * Columns];
        for (int k = 0; k < Columns; k++)
        {
            (weights[k * Columns], weights[(k * Columns) + 1]) = (1, 1.001f);
        }
        Classifier(weights);
        Expect(0);
        Assert.Equal([1L, 1, 1, 1], TensorMath.Longs(Golden("label")));
        ToolRun run = ToolRun.Good("verify", At("model.onnx"), "--cases", _folder.FullName);
        Assert.Contains("pass: 4 of 4 rows differ, all where the scores are nearly equal", run.Output, StringComparison.Ordinal);
        Assert.Contains("case ., output label: row 0: index 0, golden 1: allowed, because the golden \"logits\" are ", run.Output, StringComparison.Ordinal);
        JsonElement indices = Expect(0, "--precision", "bf16").Output("label").GetProperty("indices");
        Assert.Equal(("logits", 4, 4), (indices.GetProperty("scores").GetString(), indices.GetProperty("differing").GetInt32(), indices.GetProperty("allowed").GetInt32()));
        // At f32 the two are told apart.
        Give("label", Changed(Golden("label"), 2, 0));
        Expect(1, "--atol", "1e-5");
    }

    [Fact]
    public void The_next_token_of_a_language_model_has_a_golden_like_any_other()
    {
        File.Copy(Path.Combine(TestData.AdderFolder, "adder.gguf"), At("model.gguf"));
        Directory.CreateDirectory(At("inputs"));
        Give("inputs/tokens", Tensor.From<long>(ElementType.I64, [2, 8], [1, 2, 3, 10, 4, 5, 6, 11, 9, 9, 9, 10, 0, 0, 1, 11]));
        MakeGoldens("model.gguf");
        string[] verify = ["verify", At("model.gguf"), "--cases", _folder.FullName, "--json"];
        Assert.True(ToolRun.Good(verify).Json().GetProperty("passed").GetBoolean());
        Tensor token = Golden("next_token");
        foreach (long wrong in (long[])[TensorMath.Longs(token)[1] == 3 ? 4 : 3, 12, -1])
        {
            Give("next_token", Changed(token, 1, wrong));
            JsonElement output = new Verdict(ToolRun.Of(verify)).Output("next_token");
            Assert.False(output.GetProperty("passed").GetBoolean());
            Assert.StartsWith("row 1: index ", output.GetProperty("remarks")[0].GetString(), StringComparison.Ordinal);
            // A binary knows its logits too.
            ToolRun.Good("compile", At("model.gguf"), "-o", At("model.bin"));
            Assert.Equal(1, ToolRun.Of("verify", At("model.bin"), "--cases", _folder.FullName).ExitCode);
        }
        File.Delete(At("outputs/next_token.npy"));
        Assert.Equal("has no golden of its own: that of \"logits\" says which index is right", new Verdict(ToolRun.Good(verify)).Output("next_token").GetProperty("remarks")[0].GetString());
        File.Delete(At("outputs/logits.npy"));
        Give("next_token", token);
        Assert.Equal("has no golden", new Verdict(ToolRun.Of(verify)).Output("logits").GetProperty("problem").GetString());
    }

    [DataFact("models/gpt2-tiny-past")]
    public void One_wrong_element_of_a_cache_fails()
    {
        string source = Path.Combine(TestData.ModelFolder("gpt2-tiny-past"), "cases", "decode-b1p6"), model = TestData.Model("gpt2-tiny-past");
        foreach (string file in Directory.EnumerateFiles(source, "*.npy", SearchOption.AllDirectories))
        {
            string to = At(Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.WriteAllBytes(to, File.ReadAllBytes(file));
        }
        string[] verify = ["verify", model, "--cases", _folder.FullName];
        ToolRun.Good(verify);
        Tensor cache = Golden("present_3");
        Give("present_3", Changed(cache, (int)cache.Count / 2));
        ToolRun run = ToolRun.Of(verify);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("output present_3: 1 of ", run.Output, StringComparison.Ordinal);
    }

    [DataFact("field/55-verify-argmax-golden")]
    public void A_wrong_label_beside_right_logits_is_told_with_output_row_and_indices()
    {
        string folder = TestData.Get("field/55-verify-argmax-golden");
        ToolRun run = ToolRun.Of("verify", Path.Combine(folder, "model.onnx"), "--cases", folder);
        Assert.Equal(1, run.ExitCode);
        long[] goldens = TensorMath.Longs(NpyFile.Read(Path.Combine(folder, "outputs", "label.npy")));
        Assert.Contains("FAIL: 4 of 4 rows differ", run.Output, StringComparison.Ordinal);
        for (int row = 0; row < goldens.Length; row++)
        {
            Assert.Matches($"case \\., output label: row {row}: index \\d+, golden {goldens[row]}: the golden \"logits\" are ", run.Output);
        }
        Assert.DoesNotContain("--precision f32", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_goldens_is_told()
    {
        Model(new OnnxBuilder().Input("x", 1, Rows, Columns).Output("y", 1, Rows, Columns).Node("Neg", "x", "y"), Ramp());
        Directory.CreateDirectory(At("cases/a/inputs"));
        Assert.Contains("TCC6003", ToolRun.Good("verify", At("model.onnx"), "--cases", _folder.FullName).Error, StringComparison.Ordinal);
    }

    /// <summary>Logits, their argmax as i64 and i32, the best three, and a comparison.</summary>
    private void Classifier(float[] weights)
    {
        Model(new OnnxBuilder().Input("x", 1, Rows, Columns).Floats("w", [Columns, Columns], weights).Floats("zero", [1], 0).Longs("k", [1], 3)
            .Output("logits", 1, Rows, Columns).Output("label", 7, Rows).Output("narrow", 6, Rows).Output("best", 1, Rows, 3).Output("places", 7, Rows, 3).Output("positive", 9, Rows, Columns)
            .Node("MatMul", "x w", "logits").Node("ArgMax", "logits", "label", OnnxBuilder.Int("axis", -1), OnnxBuilder.Int("keepdims", 0)).Node("Cast", "label", "narrow", OnnxBuilder.Int("to", 6))
            .Node("TopK", "logits k", "best places").Node("Greater", "logits zero", "positive"), Ramp());
    }

    private void Model(OnnxBuilder model, Tensor x)
    {
        File.WriteAllBytes(At("model.onnx"), model.Model.ToByteArray());
        Directory.CreateDirectory(At("inputs"));
        Give("inputs/x", x);
        MakeGoldens("model.onnx");
    }

    private void MakeGoldens(string model)
    {
        ToolRun.Good("compile", At(model), "-o", At("golden.bin"), "--precision", "f32");
        ToolRun.Good("run", At("golden.bin"), "--inputs", At("inputs"), "--outputs", At("outputs"));
    }

    private static Tensor Ramp() => Tensor.From<float>(ElementType.F32, [Rows, Columns], [.. Enumerable.Range(0, (int)(Rows * Columns)).Select(i => (float)i)]);

    private string At(string path) => Path.Combine(_folder.FullName, path);

    private Tensor Golden(string name) => NpyFile.Read(At($"outputs/{name}.npy"));

    private void Give(string name, Tensor tensor) => NpyFile.Write(At($"{(name.Contains('/', StringComparison.Ordinal) ? name : $"outputs/{name}")}.npy"), tensor);

    /// <summary>One element is another: by default the next integer, or a tenth of the largest more.</summary>
    private static Tensor Changed(Tensor tensor, int at, double? value = null)
    {
        if (tensor.Type.IsFloat())
        {
            double[] floats = TensorMath.Doubles(tensor);
            floats[at] = value ?? (floats[at] + (0.1 * floats.Max(Math.Abs)));
            return TensorMath.FromDoubles(tensor.Type, tensor.Shape, floats);
        }
        long[] integers = TensorMath.Longs(tensor);
        integers[at] = value is double v ? (long)v : tensor.Type == ElementType.Bool ? 1 - integers[at] : integers[at] + 1;
        return TensorMath.FromLongs(tensor.Type, tensor.Shape, integers);
    }

    private Verdict Expect(int exitCode, params string[] options)
    {
        string[] precision = options.Contains("--precision") ? [] : ["--precision", "f32"];
        ToolRun run = ToolRun.Of(["verify", At("model.onnx"), "--cases", _folder.FullName, "--json", .. precision, .. options]);
        Assert.True(run.ExitCode == exitCode, $"{run.Output}\n{run.Error}");
        return new Verdict(run);
    }

    private sealed record Verdict(ToolRun Run)
    {
        public IEnumerable<JsonElement> Outputs => Run.Json().GetProperty("cases")[0].GetProperty("outputs").EnumerateArray();

        public JsonElement Output(string name) => Outputs.Single(o => o.GetProperty("name").GetString() == name);
    }
}
