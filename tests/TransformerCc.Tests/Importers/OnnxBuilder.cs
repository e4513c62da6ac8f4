using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;

namespace TransformerCc.Tests.Importers;

/// <summary>Writes small ONNX models for tests. Data types are the numbers of TensorProto: 1 float, 6 int32, 7 int64, 9 bool, 11 double.</summary>
internal sealed class OnnxBuilder
{
    public OnnxBuilder(long opset = 16)
    {
        Model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "test" } };
        Model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
    }

    public ModelProto Model { get; }

    /// <summary>An input; dimensions are numbers, names, or "" for an unnamed one.</summary>
    public OnnxBuilder Input(string name, int type, params object[] shape)
    {
        Model.Graph.Input.Add(Info(name, type, shape));
        return this;
    }

    public OnnxBuilder Output(string name, int type = 1, params object[] shape)
    {
        Model.Graph.Output.Add(Info(name, type, shape));
        return this;
    }

    public OnnxBuilder Floats(string name, long[] dims, params float[] values) => Initializer(name, 1, dims, MemoryMarshal.AsBytes<float>(values));

    public OnnxBuilder Longs(string name, long[] dims, params long[] values) => Initializer(name, 7, dims, MemoryMarshal.AsBytes<long>(values));

    public OnnxBuilder Initializer(string name, int type, long[] dims, ReadOnlySpan<byte> raw)
    {
        Model.Graph.Initializer.Add(new TensorProto { Name = name, DataType = type, Dims = { dims }, RawData = ByteString.CopyFrom(raw) });
        return this;
    }

    /// <summary>A node; inputs and outputs are names separated by spaces, "_" leaves an optional one out.</summary>
    public OnnxBuilder Node(string op, string inputs, string outputs, params AttributeProto[] attributes) => Node("", op, inputs, outputs, attributes);

    public OnnxBuilder Node(string domain, string op, string inputs, string outputs, params AttributeProto[] attributes)
    {
        Model.Graph.Node.Add(MakeNode(domain, op, inputs, outputs, attributes));
        return this;
    }

    public static NodeProto MakeNode(string domain, string op, string inputs, string outputs, params AttributeProto[] attributes)
    {
        string[] Names(string list) => [.. list.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(n => n == "_" ? "" : n)];
        return new NodeProto { Domain = domain, OpType = op, Input = { Names(inputs) }, Output = { Names(outputs) }, Attribute = { attributes } };
    }

    public static AttributeProto Int(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Ints(string name, params long[] values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    public static AttributeProto Text(string name, string value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    public static AttributeProto Float(string name, float value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    public byte[] Bytes() => Model.ToByteArray();

    /// <summary>Imports what was built, through its bytes.</summary>
    public Graph Import(ImportOptions? options = null, DiagnosticList? diagnostics = null) =>
        OnnxImporter.Import(OnnxModelFile.Parse(Bytes(), "test.onnx"), options ?? new ImportOptions(), diagnostics ?? []);

    /// <summary>The errors of a model that cannot be imported.</summary>
    public IReadOnlyList<Diagnostic> ImportErrors(ImportOptions? options = null) => Assert.Throws<DiagnosticException>(() => Import(options)).Diagnostics;

    private static ValueInfoProto Info(string name, int type, object[] shape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = type, Shape = new TensorShapeProto() };
        foreach (object dim in shape)
        {
            tensor.Shape.Dim.Add(dim is string symbol
                ? symbol.Length == 0 ? new TensorShapeProto.Types.Dimension() : new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim, System.Globalization.CultureInfo.InvariantCulture) });
        }
        // A graph output without dimensions is declared without a shape, as exporters may.
        if (shape.Length == 0 && type == 1)
        {
            tensor.Shape = null;
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
