using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Exporters.Onnx;

/// <summary>
/// Writes ONNX models: nodes and weights are announced one after the other and then written in one pass. Weights of small
/// models lie in the file; those of large ones follow in a file of their own (external data), so that neither a buffer nor
/// protobuf holds them.
/// </summary>
public sealed class OnnxWriter
{
    /// <summary>Weights beyond so many bytes have a file of their own.</summary>
    private const long LargestInline = 64L << 20;

    /// <summary>External data begin at multiples of it, so that they can be mapped.</summary>
    private const long Alignment = 4096;

    private readonly ModelProto _model;
    private readonly List<(TensorProto Tensor, long Bytes, Action<Stream>? Data)> _weights = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);

    public OnnxWriter(string name, long opset)
    {
        _model = new ModelProto { IrVersion = 8, ProducerName = "tcc synth", Graph = new GraphProto { Name = name } };
        _model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
    }

    /// <summary>An input of floats; dimensions are numbers or names.</summary>
    public string Input(string name, params object[] shape)
    {
        _model.Graph.Input.Add(Information(name, shape));
        return name;
    }

    /// <summary>Makes the last node's result an output, under a name of its own.</summary>
    public void Output(string name, params object[] shape)
    {
        _model.Graph.Node[^1].Output[0] = name;
        _model.Graph.Output.Add(Information(name, shape));
    }

    /// <summary>A tensor of f32; <paramref name="data"/> writes its bytes, null leaves a hole in the file.</summary>
    public string Weight(string name, long[] shape, Action<Stream>? data)
    {
        var tensor = new TensorProto { Name = name, DataType = OnnxElementTypes.Number(ElementType.F32), Dims = { shape } };
        _model.Graph.Initializer.Add(tensor);
        _weights.Add((tensor, shape.Aggregate((long)sizeof(float), (n, d) => checked(n * d)), data));
        return name;
    }

    /// <summary>A Constant node of integers, as tracing exporters leave them; a single one without dimensions unless <paramref name="isList"/>.</summary>
    public string Integers(string scope, bool isList, params ReadOnlySpan<long> values)
    {
        var tensor = new TensorProto { DataType = OnnxElementTypes.Number(ElementType.I64), RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)) };
        if (isList)
        {
            tensor.Dims.Add(values.Length);
        }
        return Constant(scope, tensor);
    }

    /// <summary>A Constant node of one float.</summary>
    public string Number(string scope, float value) =>
        Constant(scope, new TensorProto { DataType = OnnxElementTypes.Number(ElementType.F32), RawData = ByteString.CopyFrom(BitConverter.GetBytes(value)) });

    /// <summary>Integers 1 of a computed shape.</summary>
    public string Ones(string scope, string shape) =>
        Node(scope, "ConstantOfShape", [shape], Tensor(new TensorProto { DataType = OnnxElementTypes.Number(ElementType.I64), Dims = { 1 }, RawData = ByteString.CopyFrom(BitConverter.GetBytes(1L)) }));

    /// <summary>A node named after its scope and operator, numbered where that name is taken; gives its output.</summary>
    public string Node(string scope, string op, string[] inputs, params AttributeProto[] attributes)
    {
        string name = $"{scope}/{op}";
        int before = _names[name] = _names.GetValueOrDefault(name, -1) + 1;
        name = before == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}_{before}");
        string output = $"{name}_output_0";
        _model.Graph.Node.Add(new NodeProto { Name = name, OpType = op, Input = { inputs }, Output = { output }, Attribute = { attributes } });
        return output;
    }

    public static AttributeProto Attribute(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        foreach (long value in values)
        {
            attribute.Ints.Add(value);
        }
        return attribute;
    }

    /// <summary>Writes the model, and beside it <c>NAME.onnx.data</c> where its weights are large or left out; each file whole or not at all.</summary>
    /// <returns>Bytes of all that was written.</returns>
    /// <exception cref="DiagnosticException">A file cannot be written.</exception>
    public long WriteFile(string path)
    {
        long external = 0;
        if (_weights.Sum(w => w.Bytes) > LargestInline || _weights.Exists(w => w.Data is null))
        {
            string data = path + ".data";
            AtomicFile.Write(data, stream => external = WriteExternal(stream, Path.GetFileName(data)));
        }
        else
        {
            WriteInline();
        }
        AtomicFile.Write(path, _model.WriteTo);
        return external + _model.CalculateSize();
    }

    private void WriteInline()
    {
        foreach ((TensorProto tensor, long bytes, Action<Stream>? data) in _weights)
        {
            using var stream = new MemoryStream();
            data!(stream);
            Expect(tensor, bytes, stream.Length);
            tensor.RawData = ByteString.CopyFrom(stream.ToArray());
        }
    }

    private long WriteExternal(Stream stream, string location)
    {
        float holes = 0;
        foreach ((TensorProto tensor, long bytes, Action<Stream>? data) in _weights)
        {
            long offset = (stream.Position + Alignment - 1) / Alignment * Alignment;
            stream.Position = offset;
            if (data is null)
            {
                // A number of its own: tensors of equal content would be taken for one.
                stream.Write(BitConverter.GetBytes(++holes));
                stream.Position = offset + bytes;
            }
            else
            {
                data(stream);
                Expect(tensor, bytes, stream.Position - offset);
            }
            stream.SetLength(stream.Position);
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            foreach ((string key, string value) in new[] { ("location", location), ("offset", offset.ToString(CultureInfo.InvariantCulture)), ("length", bytes.ToString(CultureInfo.InvariantCulture)) })
            {
                tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            }
        }
        return stream.Length;
    }

    private static void Expect(TensorProto tensor, long bytes, long written)
    {
        if (written != bytes)
        {
            throw new InvalidOperationException($"{tensor.Name} needs {bytes} bytes, {written} were written");
        }
    }

    private string Constant(string scope, TensorProto tensor) => Node(scope, "Constant", [], Tensor(tensor));

    private static AttributeProto Tensor(TensorProto tensor) => new() { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = tensor };

    private static ValueInfoProto Information(string name, object[] shape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = OnnxElementTypes.Number(ElementType.F32), Shape = new TensorShapeProto() };
        foreach (object size in shape)
        {
            tensor.Shape.Dim.Add(size is string symbol ? new TensorShapeProto.Types.Dimension { DimParam = symbol } : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(size, CultureInfo.InvariantCulture) });
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
