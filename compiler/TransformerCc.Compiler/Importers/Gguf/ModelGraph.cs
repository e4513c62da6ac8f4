using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Builds the graph of a model of any architecture: embeddings, layers of attention and feed-forward, head. Names of tensors
/// are those of the GGUF specification ("Standardized tensor names").
/// </summary>
internal sealed class ModelGraph
{
    private readonly GraphParts _parts;
    private readonly TensorTable _tensors;
    private readonly ModelParameters _model;
    private readonly Architecture _architecture;
    private readonly ModelInputs _inputs;
    private readonly AttentionPart _attention;
    private readonly FeedForwardPart _feedForward;
    private readonly LayerTensors _layer;

    public ModelGraph(Graph graph, TensorTable tensors, ModelParameters model, ModelInputs inputs, GgufOptions options)
    {
        _parts = new GraphParts(graph);
        (_tensors, _model, _architecture, _inputs) = (tensors, model, model.Architecture, inputs);
        _layer = new LayerTensors(_parts, tensors, model);
        _attention = new AttentionPart(_parts, _layer, tensors, model, inputs, options.Cache ?? ElementType.F32);
        _feedForward = new FeedForwardPart(_parts, _layer, model, inputs);
    }

    /// <summary>The vectors of all tokens behind the last layer, and their last norm: f32 [batch, length, width].</summary>
    public Value? Build(GgufTensor? embeddings)
    {
        Value? x = Embed(embeddings);
        for (int i = 0; i < _model.Layers; i++)
        {
            // Tensors of every layer are asked for even when one was missing, so that all problems are reported at once.
            x = Layer(x, i);
        }
        return _architecture.NormalizesEmbeddings ? x : _layer.Norm(x, "output_norm");
    }

    private Value? Embed(GgufTensor? embeddings)
    {
        Value? x = embeddings is null ? null : _parts.Scale(_parts.Rows(embeddings, _inputs.Tokens), _architecture.ScalesEmbeddings ? Math.Sqrt(_model.Width) : 1, "token_embd.scale");
        if (_architecture.HasTokenTypes)
        {
            const string Name = "token_types.weight";
            GgufTensor? types = _tensors.Need(Name, _tensors.Rows(Name) ?? Architecture.TokenTypes, _model.Width);
            // Every token is of the first type: the input has no others.
            x = types is null || x is null ? null : _parts.Sum(x, _parts.Rows(types, _parts.Number(0, "token_type")), Name);
        }
        if (_architecture.HasPositionTable)
        {
            GgufTensor? table = _tensors.Need("position_embd.weight", _tensors.Rows("position_embd.weight") ?? _model.Context, _model.Width);
            x = table is null || x is null ? null : _parts.Sum(x, _parts.Rows(table, _inputs.Positions), table.Name);
        }
        return _architecture.NormalizesEmbeddings ? _layer.Norm(x, "token_embd_norm") : x;
    }

    private Value? Layer(Value? x, int i)
    {
        string block = FormattableString.Invariant($"blk.{i}.");
        switch (_architecture.Placement)
        {
            case NormPlacement.After:
                x = _layer.Norm(Sum(x, _attention.Build(x, i), block + "attn_residual"), block + "attn_output_norm");
                return _layer.Norm(Sum(x, _feedForward.Build(x, i), block + "ffn_residual"), block + "layer_output_norm");
            case NormPlacement.Around:
                x = Sum(x, _layer.Norm(_attention.Build(_layer.Norm(x, block + "attn_norm"), i), block + "post_attention_norm"), block + "attn_residual");
                return Sum(x, _layer.Norm(_feedForward.Build(_layer.Norm(x, block + "ffn_norm"), i), block + "post_ffw_norm"), block + "ffn_residual");
            default:
                return PreNorm(x, i, block);
        }
    }

    private Value? PreNorm(Value? x, int i, string block)
    {
        Value? normalized = _layer.Norm(x, block + "attn_norm");
        // Falcon 40B normalises for attention and for the feed-forward part apart.
        string second = block + "attn_norm_2";
        Value? forAttention = _architecture.IsParallel == true && _tensors.Has(second + ".weight") ? _layer.Norm(x, second) : normalized;
        x = Sum(x, _attention.Build(forAttention, i), block + "attn_residual");
        bool isParallel = _architecture.IsParallel ?? !_tensors.Has(block + "ffn_norm.weight");
        return Sum(x, _feedForward.Build(isParallel ? normalized : _layer.Norm(x, block + "ffn_norm"), i), block + "ffn_residual");
    }

    private Value? Sum(Value? x, Value? y, string source) => x is null || y is null ? null : _parts.Sum(x, y, source);

    /// <summary>Logits: f32 [batch, length, vocabulary], or [batch, vocabulary] of each sequence's last position.</summary>
    public Value? Logits(Value? x, GgufTensor? embeddings, long vocabulary, bool ofAll)
    {
        const string Name = "output.weight";
        bool isTied = _architecture.HasOutput == false || (_architecture.HasOutput is null && !_tensors.Has(Name));
        if (isTied)
        {
            // Some converters store the tied matrix a second time.
            _tensors.Ignore(Name);
        }
        GgufTensor? matrix = isTied ? embeddings : _tensors.Need(Name, vocabulary, _model.Width);
        GgufTensor? bias = _architecture.HasOutputBias ? _tensors.Need("output.bias", vocabulary) : _tensors.Find("output.bias", vocabulary);
        if (x is null || matrix is null)
        {
            return null;
        }
        Value logits = _parts.Linear(ofAll ? x : Last(x), matrix, bias);
        return _model.LogitCap > 0 ? _parts.Add(new Unary(UnaryOp.SoftCap, (float)_model.LogitCap), "output.cap", logits) : logits;
    }

    /// <summary>The most likely token of each row of logits, of equally likely ones the lowest: i64.</summary>
    public Value Greedy(Value logits) => _parts.Add(new Reduce(ReduceOp.ArgMax, [logits.Type.Rank - 1], KeepDims: false), "next_token", logits);

    /// <summary>The embedding of each text: f32 [batch, width], or [batch, length, width] without pooling.</summary>
    public Value Pool(Value x, Pooling pooling)
    {
        const string Source = "pooling";
        switch (pooling)
        {
            case Pooling.Mean:
                // Positions behind the end of a text count nothing.
                Value counts = _parts.Reshape(_parts.Add(new Cast(ElementType.F32), Source, _inputs.IsValid), Source, _inputs.Batch, _inputs.Length, 1);
                Value sum = _parts.Add(new Reduce(ReduceOp.Sum, [1], KeepDims: false), Source, _parts.Product(x, counts, Source));
                Value lengths = _parts.Reshape(_parts.Add(new Cast(ElementType.F32), Source, _inputs.Lengths), Source, _inputs.Batch, 1);
                return _parts.Add(new Binary(BinaryOp.Div), Source, sum, lengths);
            case Pooling.Cls:
                return _parts.Add(new Gather(1), Source, x, _parts.Number(0, "first"));
            case Pooling.Last:
                return Last(x);
            default:
                return x;
        }
    }

    /// <summary>Row b·length + lengths[b] − 1 of the vectors of all tokens, for each sequence b.</summary>
    private Value Last(Value x)
    {
        const string Source = "last";
        Value flat = _parts.Reshape(x, Source, _inputs.Batch * _inputs.Length, _model.Width);
        Value first = _parts.Product(_parts.Ramp(_inputs.Batch, Source), _parts.Size(_inputs.Length, Source), Source);
        Value end = _parts.Sum(first, _inputs.Lengths, Source);
        return _parts.Gather(flat, _parts.Add(new Binary(BinaryOp.Sub), Source, end, _parts.Size(DimExpr.One, Source)), Source);
    }
}
