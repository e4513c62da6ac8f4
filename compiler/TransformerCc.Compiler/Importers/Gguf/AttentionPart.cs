using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>Attention of a layer: projections, norms of heads, rotation, cache, scores, projection of the result.</summary>
internal sealed class AttentionPart(GraphParts parts, LayerTensors layer, TensorTable tensors, ModelParameters model, ModelInputs inputs, ElementType cacheType)
{
    private readonly Dictionary<bool, (Value Cos, Value Sin)?> _tables = [];

    public Value? Build(Value? x, int i)
    {
        string block = FormattableString.Invariant($"blk.{i}.");
        long heads = model.Heads[i], keyHeads = model.KeyHeads[i];
        (Value? q, Value? k, Value? v) = Project(x, block, heads, keyHeads);
        q = Rotate(NormHeads(q, $"{block}attn_q_norm.weight", heads), block + "attn_q", i);
        k = Rotate(NormHeads(k, $"{block}attn_k_norm.weight", keyHeads), block + "attn_k", i);
        Value? result = q is null || k is null || v is null ? null : model.Architecture.IsBidirectional ? AttendBoth(q, k, v, block) : AttendPast(q, k, v, block, i);
        result = result is null ? null : parts.Reshape(result, block + "attn", inputs.Batch, inputs.Length, heads * model.ValueWidth);
        return layer.Linear(result, block, "attn_output", model.Width, heads * model.ValueWidth);
    }

    /// <summary>Queries, keys and values [batch, length, heads, width of a head], from three matrices or from the rows of one.</summary>
    private (Value? Q, Value? K, Value? V) Project(Value? x, string block, long heads, long keyHeads)
    {
        long qRows = heads * model.KeyWidth, kRows = keyHeads * model.KeyWidth, vRows = keyHeads * model.ValueWidth;
        string fused = block + "attn_qkv";
        bool isFused = tensors.Has(fused + ".weight") || (model.Architecture.FusesQkv && !tensors.Has(block + "attn_q.weight"));
        Value? q, k, v;
        if (isFused)
        {
            GgufTensor? w = tensors.Need(fused + ".weight", qRows + kRows + vRows, model.Width);
            bool needsBias = model.Architecture.Biases.Contains("attn_q");
            GgufTensor? bias = needsBias ? tensors.Need(fused + ".bias", qRows + kRows + vRows) : tensors.Find(fused + ".bias", qRows + kRows + vRows);
            Value? Part(string part, long first, long rows) =>
                x is null || w is null || (needsBias && bias is null) ? null : parts.Linear(x, w.Rows(part, first, rows), bias?.Rows(part, first, rows));
            (q, k, v) = (Part("q", 0, qRows), Part("k", qRows, kRows), Part("v", qRows + kRows, vRows));
        }
        else
        {
            q = layer.Linear(x, block, "attn_q", qRows, model.Width);
            k = layer.Linear(x, block, "attn_k", kRows, model.Width);
            v = layer.Linear(x, block, "attn_v", vRows, model.Width);
        }
        Value? Heads(Value? y, string part, long count, long width) => y is null ? null : parts.Reshape(y, block + part, inputs.Batch, inputs.Length, count, width);
        return (Heads(q, "attn_q", heads, model.KeyWidth), Heads(k, "attn_k", keyHeads, model.KeyWidth), Heads(v, "attn_v", keyHeads, model.ValueWidth));
    }

    private Value? NormHeads(Value? x, string name, long heads)
    {
        switch (model.Architecture.HeadNorm)
        {
            case HeadNorm.Rms:
                GgufTensor? scale = tensors.Need(name, model.KeyWidth);
                return x is null || scale is null ? null : parts.Norm(x, NormKind.Rms, model.Epsilon, scale, null);
            case HeadNorm.LayerPerHeadIfPresent when tensors.Find(name, heads, model.KeyWidth) is { } scales && x is not null:
                float[] ones = [.. Enumerable.Repeat(1f, checked((int)model.KeyWidth))];
                Value one = parts.Graph.Constant(Tensor.From<float>(ElementType.F32, [model.KeyWidth], ones), "ones");
                Value normalized = parts.Add(new Norm(NormKind.Layer, model.Epsilon, HasShift: false), name, x, one);
                return parts.Product(normalized, parts.Constant(scales), name);
            default:
                return x;
        }
    }

    private Value? Rotate(Value? x, string source, int i)
    {
        if (model.Architecture.Rope is not { } kind || model.Rope is not { } rope)
        {
            return x;
        }
        bool isLocal = model.HasWindow(i) && rope.Local is not null && rope.Local != rope with { Local = null };
        if (!_tables.TryGetValue(isLocal, out (Value Cos, Value Sin)? tables))
        {
            _tables[isLocal] = tables = Tables(isLocal ? rope.Local! : rope, isLocal);
        }
        return x is null || tables is null ? null : parts.Add(new Rope(kind, HeadLayout.BSHD), source + ".rope", x, tables.Value.Cos, tables.Value.Sin);
    }

    /// <summary>cos and sin of the angles of all tokens: f32 [batch or 1, length, half of the rotated elements].</summary>
    private (Value Cos, Value Sin)? Tables(RopeParameters rope, bool isLocal)
    {
        long positions = inputs.Context.Bounds(parts.Graph.Dimensions).Upper, original = rope.OriginalContext ?? model.Context;
        float[] factors = [];
        if (!isLocal && Factors(rope.Dimensions / 2, positions > original) is { } tensor)
        {
            factors = tensor.Type.Plain == ElementType.F32 ? tensor.ToTensor().AsSpan<float>().ToArray() : [];
            if (factors.Length == 0 || Array.Exists(factors, f => !(f > 0) || !float.IsFinite(f)))
            {
                tensors.Refuse(tensor.Name, "must hold positive numbers of f32");
                return null;
            }
        }
        (Tensor cos, Tensor sin) = RopeTables.Build(rope, positions, original, factors);
        string name = isLocal ? "rope.local" : "rope";
        Value Angles(Tensor table, string part) => parts.Gather(parts.Graph.Constant(table, $"{name}.{part}"), inputs.Positions, $"{name}.{part}");
        return (Angles(cos, "cos"), Angles(sin, "sin"));
    }

    /// <summary>Divisors of the frequencies: those of Llama 3, or of Phi-3 for short or long contexts.</summary>
    private GgufTensor? Factors(long half, bool isLong)
    {
        GgufTensor? shortFactors = tensors.Find("rope_factors_short.weight", half), longFactors = tensors.Find("rope_factors_long.weight", half);
        return tensors.Find("rope_freqs.weight", half) ?? (isLong ? longFactors : shortFactors);
    }

    private Value AttendPast(Value q, Value k, Value v, string block, int i)
    {
        Value keys = Append(k, "k", model.KeyHeads[i], model.KeyWidth, i), values = Append(v, "v", model.KeyHeads[i], model.ValueWidth, i);
        var op = new CachedAttention(HeadLayout.BSHD, HeadLayout.BSHD, (float)model.ScoreScale, (float)model.ScoreCap, model.HasWindow(i) ? model.Window : 0, Circular: false);
        return parts.Add(op, block + "attn", q, keys, values, inputs.Past!);
    }

    private Value Append(Value rows, string part, long heads, long width, int i)
    {
        string name = FormattableString.Invariant($"cache.{part}.{i}");
        Value state = parts.Graph.AddInput(name, new TensorType(cacheType, [inputs.Batch, heads, inputs.Context, width]));
        Value next = parts.Add(new CacheAppend(HeadLayout.BSHD, Circular: false), name, state, rows, inputs.Past!);
        parts.Graph.States.Add(new GraphState(state, next));
        return next;
    }

    /// <summary>Every token sees every valid one of its row.</summary>
    private Value AttendBoth(Value q, Value k, Value v, string block)
    {
        Value mask = parts.Reshape(inputs.IsValid, "valid", inputs.Batch, 1, 1, inputs.Length);
        var op = new Attention(HeadLayout.BSHD, HeadLayout.BSHD, HeadLayout.BSHD, HeadLayout.BSHD, (float)model.ScoreScale, MaskKind.Boolean, null) { SoftCap = (float)model.ScoreCap };
        return parts.Add(op, block + "attn", q, k, v, mask);
    }
}
