using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>Matrices and norms of a layer with the biases that the architecture or the file has.</summary>
internal sealed class LayerTensors(GraphParts parts, TensorTable tensors, ModelParameters model)
{
    public TensorTable Tensors => tensors;

    /// <summary>x·wᵀ + bias of a matrix [rows, columns]; null when a tensor is missing.</summary>
    /// <param name="part">The name within the layer.</param>
    public Value? Linear(Value? x, string block, string part, long rows, long columns)
    {
        GgufTensor? w = tensors.Need($"{block}{part}.weight", rows, columns), bias = Bias(block, part, rows);
        return x is null || w is null ? null : parts.Linear(x, w, bias);
    }

    public GgufTensor? Bias(string block, string part, long rows) =>
        model.Architecture.Biases.Contains(part) ? tensors.Need($"{block}{part}.bias", rows) : tensors.Find($"{block}{part}.bias", rows);

    /// <summary>The norm of the architecture with the tensors of a name; null when one is missing.</summary>
    public Value? Norm(Value? x, string name)
    {
        bool shifts = model.Architecture.Norm == NormKind.Layer;
        GgufTensor? scale = tensors.Need(name + ".weight", model.Width);
        GgufTensor? shift = shifts ? tensors.Need(name + ".bias", model.Width) : null;
        return x is null || scale is null || (shifts && shift is null) ? null : parts.Norm(x, model.Architecture.Norm, model.Epsilon, scale, shift);
    }
}
