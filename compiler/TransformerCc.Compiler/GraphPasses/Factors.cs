using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// A value as a product: coefficient · ∏ factorᵉ. However an exporter grouped and ordered multiplications, divisions,
/// reciprocals, square roots and powers, the factors are the same.
/// </summary>
internal sealed class Factors
{
    private const int Depth = 6;

    /// <summary>No pattern has more; a hostile product of products ends here.</summary>
    private const int MaxFactors = 16;

    private readonly List<(Value Value, double Exponent)> _items = [];
    private readonly Value[] _whole;

    private Factors(Value[] whole) => _whole = whole;

    public double Coefficient { get; private set; } = 1;

    public IReadOnlyList<(Value Value, double Exponent)> Items => _items;

    /// <param name="whole">Values that are factors themselves even if they are products.</param>
    public static Factors Of(Value value, params Value[] whole)
    {
        var factors = new Factors(whole);
        factors.Split(value, 1, Depth);
        return factors;
    }

    /// <summary>The exponent of a factor; 0 when it is none.</summary>
    public double this[Value value] => _items.Find(i => ReferenceEquals(i.Value, value)).Exponent;

    /// <summary>Whether these and no other factors are there, with these exponents.</summary>
    public bool AreExactly(params ReadOnlySpan<(Value Value, double Exponent)> expected)
    {
        foreach ((Value value, double exponent) in expected)
        {
            if (this[value] != exponent)
            {
                return false;
            }
        }
        return _items.Count == expected.Length;
    }

    private void Split(Value value, double exponent, int depth)
    {
        bool whole = exponent != Math.Floor(exponent) || depth == 0 || _items.Count >= MaxFactors || Array.Exists(_whole, w => ReferenceEquals(w, value));
        if (!whole && Match.Uniform(value) is { } number && number != 0)
        {
            Coefficient *= Math.Pow(number, exponent);
            return;
        }
        switch (whole ? null : value.Producer)
        {
            case { Op: Binary { Function: BinaryOp.Mul } } node:
                Split(node.Inputs[0], exponent, depth - 1);
                Split(node.Inputs[1], exponent, depth - 1);
                break;
            case { Op: Binary { Function: BinaryOp.Div } } node when value.Type.Element.IsFloat():
                Split(node.Inputs[0], exponent, depth - 1);
                Split(node.Inputs[1], -exponent, depth - 1);
                break;
            case { Op: Binary { Function: BinaryOp.Pow } } node when Match.Uniform(node.Inputs[1]) is { } power:
                Split(node.Inputs[0], exponent * power, depth - 1);
                break;
            case { Op: Unary { Function: UnaryOp.Negate } } node:
                Coefficient *= Math.Pow(-1, exponent);
                Split(node.Inputs[0], exponent, depth - 1);
                break;
            case { Op: Unary { Function: UnaryOp.Reciprocal } } node:
                Split(node.Inputs[0], -exponent, depth - 1);
                break;
            case { Op: Unary { Function: UnaryOp.Sqrt } } node:
                Split(node.Inputs[0], exponent / 2, depth - 1);
                break;
            case { Op: Unary { Function: UnaryOp.Rsqrt } } node:
                Split(node.Inputs[0], -exponent / 2, depth - 1);
                break;
            default:
                Append(value, exponent);
                break;
        }
    }

    private void Append(Value value, double exponent)
    {
        int at = _items.FindIndex(i => ReferenceEquals(i.Value, value));
        if (at < 0)
        {
            _items.Add((value, exponent));
        }
        else if (_items[at].Exponent + exponent == 0)
        {
            _items.RemoveAt(at);
        }
        else
        {
            _items[at] = (value, _items[at].Exponent + exponent);
        }
    }
}
