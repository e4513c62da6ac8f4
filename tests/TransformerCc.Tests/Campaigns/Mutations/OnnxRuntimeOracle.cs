using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using Tensor = TransformerCc.Isa.Tensors.Tensor;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>ONNX Runtime on the CPU, one thread, the graph as written.</summary>
internal sealed class OnnxRuntimeOracle : IDisposable
{
    private static readonly (ElementType Type, TensorElementType Native)[] s_types =
    [
        (ElementType.F32, TensorElementType.Float), (ElementType.F64, TensorElementType.Double), (ElementType.F16, TensorElementType.Float16), (ElementType.BF16, TensorElementType.BFloat16),
        (ElementType.I8, TensorElementType.Int8), (ElementType.I16, TensorElementType.Int16), (ElementType.I32, TensorElementType.Int32), (ElementType.I64, TensorElementType.Int64),
        (ElementType.U8, TensorElementType.UInt8), (ElementType.U16, TensorElementType.UInt16), (ElementType.U32, TensorElementType.UInt32), (ElementType.U64, TensorElementType.UInt64),
        (ElementType.Bool, TensorElementType.Bool),
        // Numbers of ONNXTensorElementDataType that the managed enumeration has no names for.
        (ElementType.U4, (TensorElementType)21), (ElementType.I4, (TensorElementType)22),
        (ElementType.F8E4M3, (TensorElementType)17), (ElementType.F8E4M3FNUZ, (TensorElementType)18),
        (ElementType.F8E5M2, (TensorElementType)19), (ElementType.F8E5M2FNUZ, (TensorElementType)20),
    ];

    private readonly SessionOptions _options = new()
    {
        GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
        ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
        IntraOpNumThreads = 1,
        InterOpNumThreads = 1,
        EnableCpuMemArena = false,
        EnableMemoryPattern = false,
        LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
    };

    private readonly RunOptions _run = new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };

    public Answer Run(byte[] model, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var values = new List<OrtValue>();
        try
        {
            using var session = new InferenceSession(model, _options);
            string[] names = [.. session.InputNames.Where(inputs.ContainsKey)];
            values.AddRange(names.Select(name => Value(inputs[name])));
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(_run, names, values, session.OutputNames);
            return Answer.Of(session.OutputNames.Zip(outputs).ToDictionary(o => o.First, o => Converted(o.Second), StringComparer.Ordinal));
        }
        catch (OnnxRuntimeException e)
        {
            return Answer.Refused(e.Message);
        }
        catch (NotSupportedException e)
        {
            return Answer.Incomparable(e.Message);
        }
        finally
        {
            values.ForEach(v => v.Dispose());
        }
    }

    public void Dispose()
    {
        _run.Dispose();
        _options.Dispose();
    }

    private static OrtValue Value(Tensor tensor)
    {
        TensorElementType type = Array.Find(s_types, t => t.Type == tensor.Type) is { Native: not 0 } found ? found.Native : throw new NotSupportedException($"inputs of {tensor.Type}");
        OrtValue value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, tensor.Shape.ToArray());
        if (tensor.Count > 0)
        {
            (tensor.Type.Bits() == 4 ? Packed(tensor.Data.Span) : tensor.Data.Span).CopyTo(value.GetTensorMutableRawData());
        }
        return value;
    }

    private static Tensor Converted(OrtValue value)
    {
        if (!value.IsTensor)
        {
            throw new NotSupportedException("outputs that are no tensors");
        }
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        (ElementType type, TensorElementType native) = Array.Find(s_types, t => t.Native == info.ElementDataType);
        if (native == 0)
        {
            throw new NotSupportedException($"outputs of {info.ElementDataType}");
        }
        ReadOnlySpan<byte> data = info.ElementCount > 0 ? value.GetTensorMutableRawData() : [];
        return new(type, info.Shape, type.Bits() == 4 ? Unpacked(data, (int)info.ElementCount, type) : data.ToArray());
    }

    /// <summary>Two elements in a byte, the first in its low bits.</summary>
    private static byte[] Packed(ReadOnlySpan<byte> elements)
    {
        var packed = new byte[(elements.Length + 1) / 2];
        for (int i = 0; i < elements.Length; i++)
        {
            packed[i / 2] |= (byte)((elements[i] & 0xF) << (i % 2 * 4));
        }
        return packed;
    }

    private static byte[] Unpacked(ReadOnlySpan<byte> packed, int count, ElementType type)
    {
        var elements = new byte[count];
        for (int i = 0; i < count; i++)
        {
            elements[i] = NumericFormat.ToSubByte(type, (packed[i / 2] >> (i % 2 * 4)) & 0xF);
        }
        return elements;
    }
}
