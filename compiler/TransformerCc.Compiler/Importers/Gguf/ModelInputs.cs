using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The inputs of a model and what follows from them: tokens [batch, length]; lengths [batch], the valid tokens of each row
/// (all when left out); and with a cache past [batch], the positions that each sequence has there already (0 when left out).
/// </summary>
internal sealed class ModelInputs
{
    public const string TokensName = "tokens", PastName = "past", LengthsName = "lengths", BatchName = "batch", LengthName = "length", ContextName = "context";

    private readonly GraphParts _parts;
    private Value? _isValid;
    private Value? _lengths;

    /// <param name="batch">A symbol or a number, as the other sizes.</param>
    /// <param name="context">Positions that a cache has for each sequence.</param>
    public ModelInputs(Graph graph, DimExpr batch, DimExpr length, DimExpr context, bool hasPast)
    {
        _parts = new GraphParts(graph);
        (Batch, Length, Context) = (batch, length, context);
        Tokens = graph.AddInput(TokensName, new TensorType(ElementType.I64, [batch, length]));
        Value ramp = _parts.Ramp(length, "positions");
        Positions = _parts.Reshape(ramp, "positions", 1, length);
        if (hasPast)
        {
            Past = graph.AddInput(PastName, new TensorType(ElementType.I64, [batch]));
            graph.Fills[Past] = DimExpr.Zero;
            Positions = _parts.Sum(_parts.Reshape(Past, "positions", batch, 1), Positions, "positions");
        }
    }

    public DimExpr Batch { get; }

    public DimExpr Length { get; }

    public DimExpr Context { get; }

    public Value Tokens { get; }

    /// <summary>Null without a cache.</summary>
    public Value? Past { get; }

    /// <summary>The position of each token: i64 [batch, length], or [1, length] when it is the same in every row.</summary>
    public Value Positions { get; }

    /// <summary>An input only of models that look at it.</summary>
    public Value Lengths
    {
        get
        {
            if (_lengths is null)
            {
                _lengths = _parts.Graph.AddInput(LengthsName, new TensorType(ElementType.I64, [Batch]));
                _parts.Graph.Fills[_lengths] = Length;
            }
            return _lengths;
        }
    }

    /// <summary>Whether a token is one of its row's: bool [batch, length].</summary>
    public Value IsValid => _isValid ??= _parts.Add(new Binary(BinaryOp.Less), "valid",
        _parts.Reshape(_parts.Ramp(Length, "valid"), "valid", 1, Length), _parts.Reshape(Lengths, "valid", Batch, 1));
}
