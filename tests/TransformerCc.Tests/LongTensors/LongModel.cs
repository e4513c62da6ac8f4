using System.Globalization;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.LongTensors;

/// <summary>ONNX models of one f32 tensor above 2 GiB, in sparse external data that begins inside its file.</summary>
internal sealed record LongModel(string Name, long Rows, long Columns)
{
    private const long Offset = 4096;

    /// <summary>A row of the first two lies across the border: its length is no power of two.</summary>
    public static IReadOnlyList<LongModel> All { get; } = [new("gather", 70_000, 8200), new("matmul", 4096, 140_000), new("gemm", 140_000, 4096)];

    public long Bytes => Rows * Columns * sizeof(float);

    public long[] WrittenRows => SparseFile.Rows(Rows, Columns * sizeof(float));

    /// <summary>The path of the model in a folder.</summary>
    public string Write(TemporaryFolder folder)
    {
        OnnxBuilder builder = Name switch
        {
            "gather" => new OnnxBuilder().Input("x", 7, "n").Node("Gather", "w x", "y"),
            "matmul" => new OnnxBuilder().Input("x", 1, "n", Rows).Node("MatMul", "x w", "y"),
            _ => new OnnxBuilder().Input("x", 1, "n", Columns).Node("Gemm", "x w", "y", Int("transB", 1)),
        };
        builder.Output("y").Model.Graph.Initializer.Add(External("w", 1, [Rows, Columns], "w.bin", Offset, Bytes));
        SparseFile.Write(Path.Combine(folder.FullName, "w.bin"), Offset, Bytes, Columns, WrittenRows);
        string model = Path.Combine(folder.FullName, "model.onnx");
        File.WriteAllBytes(model, builder.Bytes());
        return model;
    }

    /// <summary>An initializer in a file beside the model.</summary>
    public static TensorProto External(string name, int type, long[] dims, string file, long offset, long length) => new()
    {
        Name = name,
        DataType = type,
        Dims = { dims },
        DataLocation = TensorProto.Types.DataLocation.External,
        ExternalData =
        {
            new StringStringEntryProto { Key = "location", Value = file },
            new StringStringEntryProto { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) },
            new StringStringEntryProto { Key = "length", Value = length.ToString(CultureInfo.InvariantCulture) },
        },
    };

    /// <summary>Indices of the rows that are written and of one that is not, or a row of numbers.</summary>
    public Tensor Input()
    {
        if (Name == "gather")
        {
            long[] indices = [.. WrittenRows, 5, -1];
            return Tensor.From<long>(ElementType.I64, [indices.Length], indices);
        }
        long depth = Name == "matmul" ? Rows : Columns;
        return Tensor.From<float>(ElementType.F32, [1, depth], SparseFile.Row(-1, depth));
    }
}
