using TransformerCc.Tests.Importers;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Models that mutants are made of: small graphs that together use most operators, and the adder.</summary>
internal static class OnnxSeeds
{
    public static IReadOnlyList<byte[]> Small { get; } = [.. Builders().Select(b => b.Bytes())];

    /// <summary>The small graphs, the adder, and models of the ONNX operator tests where they are there.</summary>
    public static IReadOnlyList<byte[]> All()
    {
        string suite = TestData.Get("conformance/onnx-node");
        IEnumerable<string> files = Directory.Exists(suite) ? Directory.GetFiles(suite, "model.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal) : [];
        return [.. Small, .. Small, .. Small, File.ReadAllBytes(TestData.AdderModel), .. files.Select(File.ReadAllBytes)];
    }

    private static float[] Ramp(int count) => [.. Enumerable.Range(0, count).Select(i => (i % 7 - 3) * 0.25f)];

    private static IEnumerable<OnnxBuilder> Builders()
    {
        // A layer: normalisation, a product with weights, an activation, the residual.
        yield return new OnnxBuilder(17).Input("x", 1, "batch", "seq", 8).Floats("g", [8], Ramp(8)).Floats("b", [8], Ramp(8)).Floats("w", [8, 8], Ramp(64))
            .Node("LayerNormalization", "x g b", "n", Int("axis", -1)).Node("MatMul", "n w", "m").Node("Add", "m b", "a").Node("Erf", "a", "e").Node("Mul", "a e", "h").Node("Add", "h x", "y").Output("y");
        // Attention from its parts, with reshapes that read the shape.
        yield return new OnnxBuilder(17).Input("x", 1, "batch", "seq", 8).Floats("w", [8, 24], Ramp(192)).Longs("heads", [4], 0, 0, 2, 4).Longs("merged", [3], 0, 0, 8).Floats("s", [], 0.5f).Longs("parts", [3], 8, 8, 8)
            .Node("MatMul", "x w", "qkv").Node("Split", "qkv parts", "q k v", Int("axis", 2)).Node("Reshape", "q heads", "q4").Node("Reshape", "k heads", "k4").Node("Reshape", "v heads", "v4")
            .Node("Transpose", "q4", "qt", Ints("perm", 0, 2, 1, 3)).Node("Transpose", "k4", "kt", Ints("perm", 0, 2, 3, 1)).Node("Transpose", "v4", "vt", Ints("perm", 0, 2, 1, 3))
            .Node("MatMul", "qt kt", "scores").Node("Mul", "scores s", "scaled").Node("Softmax", "scaled", "p", Int("axis", -1)).Node("MatMul", "p vt", "o").Node("Transpose", "o", "ot", Ints("perm", 0, 2, 1, 3))
            .Node("Reshape", "ot merged", "y").Output("y");
        yield return new OnnxBuilder(23).Input("q", 1, 1, 2, "seq", 4).Input("k", 1, 1, 2, "seq", 4).Input("v", 1, 1, 2, "seq", 4).Node("Attention", "q k v", "y", Int("is_causal", 1), Float("scale", 0.5f), Float("softcap", 1)).Output("y");
        yield return new OnnxBuilder(23).Input("x", 1, 1, 2, 3, 4).Floats("cos", [3, 2], Ramp(6)).Floats("sin", [3, 2], Ramp(6)).Longs("p", [1, 3], 0, 1, 2).Node("RotaryEmbedding", "x cos sin p", "y").Output("y");
        // Indices: lookup, slices, scatter, the largest.
        yield return new OnnxBuilder().Input("ids", 7, "batch", "seq").Floats("table", [10, 8], Ramp(80)).Longs("starts", [1], 0).Longs("ends", [1], 4).Longs("axes", [1], 2).Longs("steps", [1], 2)
            .Node("Gather", "table ids", "e", Int("axis", 0)).Node("Slice", "e starts ends axes steps", "s").Node("ReduceMean", "s", "r", Ints("axes", -1), Int("keepdims", 1)).Node("Sub", "s r", "y").Output("y");
        yield return new OnnxBuilder().Input("x", 1, 3, 4).Longs("i", [2, 1], 0, 2).Floats("u", [2, 4], Ramp(8)).Longs("k", [1], 2)
            .Node("ScatterND", "x i u", "s").Node("TopK", "s k", "v n", Int("axis", -1)).Node("ArgMax", "s", "a", Int("axis", 1), Int("keepdims", 0)).Output("v").Output("n", 7).Output("a", 7);
        // Shape arithmetic: what exporters write around reshapes.
        yield return new OnnxBuilder().Input("x", 1, "batch", "seq", 6).Longs("zero", [1], 0).Longs("one", [1], 1).Longs("two", [1], 2).Longs("minus", [1], -1).Floats("f", [], 2)
            .Node("Shape", "x", "shape").Node("Gather", "shape zero", "b", Int("axis", 0)).Node("Gather", "shape one", "n", Int("axis", 0)).Node("Mul", "b n", "rows").Node("Concat", "rows two minus", "to", Int("axis", 0))
            .Node("Reshape", "x to", "r").Node("Unsqueeze", "r zero", "u").Node("Squeeze", "u zero", "q").Node("ConstantOfShape", "to", "c").Node("Concat", "rows two one", "wide", Int("axis", 0))
            .Node("Expand", "f wide", "ex").Node("Add", "q ex", "y").Output("y");
        yield return new OnnxBuilder().Input("x", 1, 2, 3).Longs("pads", [4], 0, 1, 0, 1).Longs("repeats", [2], 2, 1).Floats("p", [], 1).Longs("axis", [], 1)
            .Node("Pad", "x pads p", "a").Node("Tile", "a repeats", "t").Node("Trilu", "t", "l", Int("upper", 0)).Node("CumSum", "l axis", "c").Node("Flatten", "c", "y", Int("axis", 1)).Output("y");
        yield return new OnnxBuilder().Input("x", 1, 1, 3, 8).Floats("w", [4, 3, 3], Ramp(36)).Floats("b", [4], Ramp(4))
            .Node("Conv", "x w b", "c", Ints("kernel_shape", 3), Ints("pads", 1, 1), Ints("strides", 2), Ints("dilations", 1), Int("group", 1)).Node("Relu", "c", "y").Output("y");
        yield return new OnnxBuilder().Input("x", 1, 1, 3, 8, 8).Floats("w", [4, 3, 4, 4], Ramp(192)).Node("Conv", "x w", "c", Ints("kernel_shape", 4, 4), Ints("strides", 4, 4)).Node("ReduceMean", "c", "y", Ints("axes", 2, 3)).Output("y");
        yield return new OnnxBuilder().Input("x", 1, 4, 8).Floats("w", [6, 8], Ramp(48)).Floats("c", [6], Ramp(6)).Floats("lo", [], -1).Floats("hi", [], 1)
            .Node("Gemm", "x w c", "g", Int("transB", 1), Float("alpha", 2), Float("beta", 0.5f)).Node("Clip", "g lo hi", "l").Node("Greater", "l lo", "m").Node("Where", "m l hi", "o").Node("LogSoftmax", "o", "y").Output("y");
        yield return new OnnxBuilder(13).Input("x", 1, 2, 3, 4).Longs("start", [], 0).Longs("limit", [], 4).Longs("delta", [], 1).Floats("values", [2], 0, 1).Longs("depth", [], 4)
            .Node("Range", "start limit delta", "r").Node("OneHot", "r depth values", "h", Int("axis", -1)).Node("MatMul", "x h", "m").Node("Cast", "m", "i", Int("to", 7)).Node("Cast", "i", "f", Int("to", 1)).Node("Pow", "f f", "y").Output("y");
        yield return new OnnxBuilder().Input("x", 1, "batch", 2, 3).Input("z", 1, "batch", 3, 2).Node("Einsum", "x z", "e", new Compiler.Importers.Onnx.Proto.AttributeProto { Name = "equation", S = Google.Protobuf.ByteString.CopyFromUtf8("bij,bjk->bik") })
            .Node("ReduceSum", "e", "s").Node("Sqrt", "s", "y").Output("y");
        yield return new OnnxBuilder(17).Input("a", 1, 1, 2, 4).Input("b", 1, 1, 2, 4).Floats("g", [4], Ramp(4)).Node("com.microsoft", "SkipLayerNormalization", "a b g", "n", Float("epsilon", 1e-5f))
            .Node("com.microsoft", "FusedMatMul", "n b", "y", Int("transB", 1), Float("alpha", 2)).Output("y");
        // A function, called twice.
        OnnxBuilder function = new OnnxBuilder().Input("x", 1, 2, 4).Node("local", "Twice", "x", "h").Node("local", "Twice", "h", "y").Output("y");
        function.Model.Functions.Add(new Compiler.Importers.Onnx.Proto.FunctionProto { Name = "Twice", Domain = "local", Input = { "i" }, Output = { "o" }, Node = { MakeNode("", "Add", "i i", "o") }, OpsetImport = { function.Model.OpsetImport[0].Clone() } });
        function.Model.OpsetImport.Add(new Compiler.Importers.Onnx.Proto.OperatorSetIdProto { Domain = "local", Version = 1 });
        yield return function;
    }
}
