using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The feed-forward part of a layer, or its experts.</summary>
internal sealed class FeedForwardPart(GraphParts parts, LayerTensors layer, ModelParameters model, ModelInputs inputs)
{
    public Value? Build(Value? x, int i)
    {
        string block = FormattableString.Invariant($"blk.{i}.");
        return model.Experts > 0 ? Experts(x, block, i) : Dense(x, block, "", model.Hidden[i]);
    }

    /// <param name="suffix">Of the names of tensors: empty, or that of the shared expert.</param>
    private Value? Dense(Value? x, string block, string suffix, long hidden)
    {
        string up = "ffn_up" + suffix, gate = "ffn_gate" + suffix;
        Value? h = model.Architecture.FeedForward switch
        {
            FeedForward.Gated => Gated(layer.Linear(x, block, gate, hidden, model.Width), layer.Linear(x, block, up, hidden, model.Width), block),
            FeedForward.GatedInOne => GatedInOne(x, block, up, hidden),
            _ => Activate(layer.Linear(x, block, up, hidden, model.Width), block),
        };
        return layer.Linear(h, block, "ffn_down" + suffix, model.Width, hidden);
    }

    private Value? GatedInOne(Value? x, string block, string up, long hidden)
    {
        GgufTensor? w = layer.Tensors.Need($"{block}{up}.weight", 2 * hidden, model.Width);
        return x is null || w is null ? null
            : Gated(parts.Linear(x, w.Rows("gate", 0, hidden), null), parts.Linear(x, w.Rows("up", hidden, hidden), null), block);
    }

    private Value? Gated(Value? gate, Value? up, string block) =>
        gate is null || up is null ? null : parts.Add(new Gated(model.Architecture.Activation), block + "ffn_act", gate, up);

    private Value? Activate(Value? x, string block) => x is null ? null : parts.Add(new Unary(model.Architecture.Activation), block + "ffn_act", x);

    /// <summary>
    /// The sum of the chosen experts, weighted by the softmax of their scores: over the chosen ones where weights are normalised,
    /// which is the same as normalising them afterwards, and over all otherwise.
    /// </summary>
    private Value? Experts(Value? x, string block, int i)
    {
        long experts = model.Experts, used = model.ExpertsUsed, hidden = model.ExpertHidden[i];
        ExpertRouting routing = model.Architecture.Experts!;
        DimExpr tokens = inputs.Batch * inputs.Length;
        Value? rows = x is null ? null : parts.Reshape(x, block + "ffn_moe", tokens, model.Width);
        Value? scores = layer.Linear(rows, block, "ffn_gate_inp", experts, model.Width);
        GgufTensor? gate = layer.Tensors.Need($"{block}ffn_gate_exps.weight", experts, hidden, model.Width);
        GgufTensor? up = layer.Tensors.Need($"{block}ffn_up_exps.weight", experts, hidden, model.Width);
        GgufTensor? down = layer.Tensors.Need($"{block}ffn_down_exps.weight", experts, model.Width, hidden);
        Value? shared = routing.HasShared ? Shared(rows, block) : null;
        if (rows is null || scores is null || gate is null || up is null || down is null || (routing.HasShared && shared is null))
        {
            return null;
        }
        string source = block + "ffn_moe";
        scores = model.NormalizesExperts ? scores : parts.Add(new Softmax(1), source, scores);
        Node best = parts.Graph.Add(new TopK(used, Largest: true), [scores], [source], source);
        (Value weights, Value ids) = (best.Outputs[0], best.Outputs[1]);
        weights = model.NormalizesExperts ? parts.Add(new Softmax(1), source, weights) : weights;
        weights = model.ExpertScale > 0 ? parts.Scale(weights, model.ExpertScale, source) : weights;
        Value Expert(Value input, GgufTensor w) => parts.Add(new ExpertLinear(HasBias: false, w.Type.Blocks), w.Name, input, ids, parts.Constant(w));
        Value h = parts.Add(new Gated(model.Architecture.Activation), source, Expert(rows, gate), Expert(rows, up));
        Value weighted = parts.Product(Expert(h, down), parts.Reshape(weights, source, tokens, used, 1), source);
        Value sum = parts.Add(new Reduce(ReduceOp.Sum, [1], KeepDims: false), source, weighted);
        sum = shared is null ? sum : parts.Sum(sum, shared, source);
        return parts.Reshape(sum, source, inputs.Batch, inputs.Length, model.Width);
    }

    /// <summary>An expert for every token, times a sigmoid of the token.</summary>
    private Value? Shared(Value? rows, string block)
    {
        Value? open = layer.Linear(rows, block, "ffn_gate_inp_shexp", 1, model.Width), y = Dense(rows, block, "_shexp", model.SharedHidden);
        return open is null || y is null ? null : parts.Product(y, parts.Add(new Unary(UnaryOp.Sigmoid), block + "ffn_gate_inp_shexp", open), block + "ffn_shexp");
    }
}
