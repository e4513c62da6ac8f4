using System.Globalization;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;

namespace TransformerCc.Tests.LongTensors;

/// <summary>Tensors above 2 GiB from sparse files: what is read of them lies on both sides of the border of 2³¹ bytes.</summary>
public sealed class LongImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string FilePath(string name) => Path.Combine(_folder.FullName, name);

    [Fact]
    public void Rows_of_external_data_are_read_on_both_sides()
    {
        LongModel model = LongModel.All[0];
        Graph graph = OnnxImporter.Import(OnnxModelFile.Open(model.Write(_folder)), new ImportOptions(), []);
        GraphPipeline.Run(graph, new PassContext());
        float[] result = GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = model.Input() })["y"].AsSpan<float>().ToArray();
        float[] expected = [.. model.WrittenRows.SelectMany(row => SparseFile.Row(row, model.Columns)), .. new float[model.Columns], .. SparseFile.Row(model.Rows - 1, model.Columns)];
        Assert.Equal(expected, result);
    }

    [Theory]
    [InlineData("matmul")]
    [InlineData("gemm")]
    public void Panels_are_laid_on_both_sides(string name)
    {
        LongModel model = LongModel.All.Single(m => m.Name == name);
        Graph graph = OnnxImporter.Import(OnnxModelFile.Open(model.Write(_folder)), new ImportOptions(), []);
        GraphPipeline.Run(graph, new PassContext());
        Node product = Assert.Single(graph.Nodes, n => n.Op is Linear);
        var linear = (Linear)product.Op;
        Tensor weights = product.Inputs[1].ConstantData!;
        Assert.True(weights.IsLong);
        (long depth, long columns) = linear.Transposed ? (model.Columns, model.Rows) : (model.Rows, model.Columns);
        var matrix = new WeightMatrix(weights, depth, columns, linear.Transposed ? WeightLayout.NByK : WeightLayout.KByN);
        foreach (long row in model.WrittenRows.Distinct())
        {
            // The panel's last row, or column, is the one that is written.
            (long k0, long n0) = linear.Transposed ? (depth - 37, long.Max(0, row - 7)) : (long.Max(0, row - 7), columns - 37);
            (long rows, long width) = linear.Transposed ? (37L, row - n0 + 1) : (row - k0 + 1, 37L);
            var panel = new WeightPanel(matrix, k0, rows, n0, width, ElementType.F32);
            var bytes = new byte[panel.Bytes];
            PanelWriter.Write(panel, bytes);
            ReadOnlySpan<float> laid = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes);
            float[] written = SparseFile.Row(row, model.Columns)[^37..];
            for (int i = 0; i < written.Length; i++)
            {
                long at = linear.Transposed ? (i * (panel.RowStride / sizeof(float))) + width - 1 : ((rows - 1) * (panel.RowStride / sizeof(float))) + i;
                Assert.Equal(written[i], laid[(int)at]);
            }
        }
    }

    [Fact]
    public void A_file_that_ends_inside_a_long_tensor_is_refused()
    {
        LongModel model = LongModel.All[0];
        string path = model.Write(_folder);
        using (FileStream file = SparseFile.Open(FilePath("w.bin"), model.Bytes))
        {
        }
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(OnnxModelFile.Open(path), new ImportOptions(), [])).Diagnostics);
        Assert.Equal(ImportCodes.ExternalData, error.Code);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"bytes 4096 to {model.Bytes + 4096} are not in the file, which has {model.Bytes}"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_file_that_protobuf_cannot_have_is_refused()
    {
        string path = FilePath("model.onnx");
        using (FileStream file = SparseFile.Open(path, SparseFile.Border))
        {
        }
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxModelFile.Open(path)).Diagnostics);
        Assert.Equal(ImportCodes.BadFile, error.Code);
        Assert.Contains("2147483648 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("external data", error.Help, StringComparison.Ordinal);
    }

    /// <summary>What needs a long tensor as a whole says so, names it, and is no exception.</summary>
    [Fact]
    public void What_needs_all_bytes_is_refused_with_the_name()
    {
        LongModel model = LongModel.All[0];
        Graph graph = OnnxImporter.Import(OnnxModelFile.Open(model.Write(_folder)), new ImportOptions(), []);
        Tensor weights = Assert.Single(graph.Nodes).Inputs[0].ConstantData!;
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => TensorMath.Doubles(weights)).Diagnostics);
        Assert.Equal("TCC4030", error.Code);
        Assert.StartsWith("tensor w of ", error.Location, StringComparison.Ordinal);
    }

    /// <summary>Codes and scales are put side by side as blocks when they are read, not before.</summary>
    [Fact]
    public void Blocks_are_laid_where_they_are_read()
    {
        const long rows = 265_000, columns = 8192, block = 256;
        const float scale = 0.5f;
        long[] written = SparseFile.Rows(rows, columns + (columns / block * sizeof(float)));
        var builder = new OnnxBuilder().Input("x", 7, "n").Node("com.microsoft", "GatherBlockQuantized", "w x s", "y",
            OnnxBuilder.Int("bits", 8), OnnxBuilder.Int("block_size", block), OnnxBuilder.Int("gather_axis", 0), OnnxBuilder.Int("quantize_axis", 1)).Output("y");
        builder.Model.OpsetImport.Add(new Compiler.Importers.Onnx.Proto.OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        builder.Model.Graph.Initializer.Add(LongModel.External("w", 2, [rows, columns], "w.bin", 0, rows * columns));
        builder.Model.Graph.Initializer.Add(LongModel.External("s", 1, [rows, columns / block], "s.bin", 0, rows * columns / block * sizeof(float)));
        var random = new Random(9);
        var expected = new List<float>();
        using (FileStream codes = SparseFile.Open(FilePath("w.bin"), rows * columns), scales = SparseFile.Open(FilePath("s.bin"), rows * columns / block * sizeof(float)))
        {
            var row = new byte[columns];
            foreach (long r in written)
            {
                random.NextBytes(row);
                codes.Position = r * columns;
                codes.Write(row);
                scales.Position = r * columns / block * sizeof(float);
                scales.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(Enumerable.Repeat(scale, (int)(columns / block)).ToArray()));
                expected.AddRange(row.Select(code => (code - 128) * scale));
            }
        }
        string path = FilePath("blocks.onnx");
        File.WriteAllBytes(path, builder.Bytes());
        Graph graph = OnnxImporter.Import(OnnxModelFile.Open(path), new ImportOptions(), []);
        GraphPipeline.Run(graph, new PassContext());
        Tensor laid = graph.Nodes.SelectMany(n => n.Inputs).Single(v => v.IsConstant).ConstantData!;
        Assert.True(laid.IsLong);
        Tensor x = Tensor.From<long>(ElementType.I64, [written.Length], written);
        Assert.Equal(expected, GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = x })["y"].AsSpan<float>().ToArray());

        // Any part of what is laid is that of a longer one.
        long start = (written[3] - 1) * laid.Shape[1];
        byte[] two = laid.Bytes(start, (int)(2 * laid.Shape[1])).ToArray();
        for (int trial = 0; trial < 50; trial++)
        {
            int from = random.Next(two.Length), length = random.Next(two.Length - from + 1);
            Assert.Equal(two.AsSpan(from, length).ToArray(), laid.Bytes(start + from, length).ToArray());
        }
    }

    [Theory]
    [InlineData("f16", 8200, 131_100)]
    [InlineData("q8_0", 8192, 247_000)]
    [InlineData("q4_k", 8192, 470_000)]
    public void Rows_of_a_gguf_are_read_on_both_sides(string typeName, long columns, long rows)
    {
        GgufTensorType type = GgufTensorType.Of(typeName)!;
        string path = FilePath("table.gguf");
        new GgufWriter().Add("general.architecture", "llama").AddHole("first", GgufTensorType.F32, [8]).AddHole("table", type, [rows, columns]).WriteFile(path);
        long rowBytes = type.RowBytes(columns);
        var random = new Random(4);
        var expected = new Dictionary<long, byte[]>();
        using (FileStream file = SparseFile.Open(path, new FileInfo(path).Length))
        {
            long start = file.Length - (((rows * rowBytes) + 31) / 32 * 32);
            foreach (long row in SparseFile.Rows(rows, rowBytes))
            {
                random.NextBytes(expected[row] = new byte[rowBytes]);
                file.Position = start + (row * rowBytes);
                file.Write(expected[row]);
            }
        }
        GgufTensor table = GgufFile.Open(path).Tensors["table"];
        Tensor tensor = table.ToTensor();
        Assert.True(tensor.IsLong);
        Assert.Equal(rows * rowBytes, tensor.ByteCount);
        foreach ((long row, byte[] bytes) in expected)
        {
            Assert.Equal(bytes, tensor.Bytes(row * rowBytes, (int)rowBytes).ToArray());
            // A part is a tensor of its own, and no longer long.
            Tensor part = table.Rows("part", row, 1).ToTensor();
            Assert.Equal(bytes, part.Data.ToArray());
        }
    }
}
