using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Binding;

/// <summary>Makes the integer inputs that were left out: every element has the value the user gave, or the program's fill.</summary>
internal static class InputFiller
{
    public static IReadOnlyDictionary<string, Tensor> Fill(
        ProgramImage image, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> given, IReadOnlyDictionary<string, long> dimensions)
    {
        Dictionary<string, Tensor> all = inputs.ToDictionary(StringComparer.Ordinal);
        foreach (TensorSymbol symbol in image.Tensors.Where(t => t.Fill is not null && !inputs.ContainsKey(t.Name)))
        {
            long[] shape = DramLayout.Shape(symbol, dimensions);
            long bytes = DramLayout.Bytes(symbol, shape);
            DramLayout.CheckSize(symbol.Name, bytes);
            var values = new long[bytes / symbol.Type.Size()];
            Array.Fill(values, Value(symbol, given, dimensions));
            byte[] data = new byte[bytes];
            NumericFormat.NarrowFromInt64(symbol.Type, values, data);
            all.Add(symbol.Name, new Tensor(symbol.Type, shape, data));
        }
        return all;
    }

    /// <summary>What every element of a fillable input that is left out has.</summary>
    public static long Value(TensorSymbol symbol, IReadOnlyDictionary<string, long> given, IReadOnlyDictionary<string, long> dimensions) =>
        given.TryGetValue(symbol.Name, out long value) ? value : DimensionBinder.Evaluate(symbol.Fill!, dimensions, symbol.Name);
}
