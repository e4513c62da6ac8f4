using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.LongTensors;

/// <summary>A tensor that gives its bytes in parts only is the same as one that has them all.</summary>
public sealed class LongTensorTests
{
    private static Tensor Numbers(params long[] shape)
    {
        long count = shape.Aggregate(1L, (a, b) => a * b);
        return Tensor.From<int>(ElementType.I32, shape, [.. Enumerable.Range(0, (int)count)]);
    }

    [Fact]
    public void Parts_and_views_are_those_of_the_whole()
    {
        Tensor whole = Numbers(6, 5), tensor = MemoryBytes.ToLong(whole);
        Assert.Equal(whole.Data.Span.Slice(24, 40).ToArray(), tensor.Bytes(24, 40).ToArray());
        Assert.Equal(whole.Rows(2, 3).Data.ToArray(), tensor.Rows(2, 3).Data.ToArray());
        Assert.Equal([3L, 5L], tensor.Rows(2, 3).Shape.ToArray());
        Assert.Empty(tensor.Rows(6, 0).Data.ToArray());
        Assert.True(tensor.Reshape([30]).IsLong);
        Assert.True(tensor.HasBytesOf(whole) && whole.HasBytesOf(tensor));
        Assert.False(tensor.HasBytesOf(Numbers(6, 4)));
        Assert.False(tensor.HasBytesOf(tensor, 4, 116));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Bytes(100, 21).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Bytes(-1, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Rows(5, 2));
        Assert.Throws<ArgumentException>(() => new Tensor(ElementType.I32, [7], new MemoryBytes(new byte[24])));
    }

    [Fact]
    public void The_whole_is_refused_with_the_place()
    {
        var tensor = new Tensor(ElementType.I32, [6], new MemoryBytes(new byte[24], "w of model.onnx"));
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => tensor.AsSpan<int>().Length).Diagnostics);
        Assert.Equal(("TCC4030", "w of model.onnx"), (error.Code, error.Location));
    }

    [Fact]
    public void A_long_tensor_is_written_as_a_file()
    {
        using MemoryStream plain = new(), parts = new();
        NpyFile.Write(plain, Numbers(6, 5));
        NpyFile.Write(parts, MemoryBytes.ToLong(Numbers(6, 5)));
        Assert.Equal(plain.ToArray(), parts.ToArray());
    }

    /// <summary>Equal content is found, labels are the same, and nothing is computed from long constants.</summary>
    [Fact]
    public void Passes_look_at_parts()
    {
        const string Text = """
            input %x : f32[1, 48]
            const %a : f32[48, 80] = #a
            const %b : f32[48, 80] = #a
            const %c : f32[48, 80] = 0.5
            %p : f32[1, 80] = matmul(%x, %a)
            %q : f32[1, 80] = matmul(%x, %b)
            %n : f32[48, 80] = unary(%c) {function = negate}
            output "p" = %p
            output "q" = %q
            output "n" = %n
            """;
        Graph graph = GraphIR.GraphTexts.Parse(Text);
        string label = Label(graph.Nodes[0].Inputs[1].ConstantData!);
        MemoryBytes.MakeLong(graph, (_, _) => true);
        Assert.Equal(label, Label(graph.Nodes[0].Inputs[1].ConstantData!));
        GraphPipeline.Run(graph, new PassContext());
        Assert.Single(graph.Nodes, n => n.Op.Name == "linear");
        Assert.Contains(graph.Nodes, n => n.Op.Name == "unary");
        Assert.Matches("const %c[^ ]* : f32.48, 80. = 0.5\n", Compiler.GraphIR.Text.GraphPrinter.Print(graph));

        // The label of a value is given by the text; that of its data is a hash.
        static string Label(Tensor data) => new Graph("label").Constant(data).DataLabel!;
    }
}
