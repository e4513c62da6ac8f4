using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Layer and RMS normalisation over the last dimension. The root of every spelling is a product with one factor
/// (mean(y²) + ε)^−½: of y itself (RMS, or layer where y = x − mean(x)), perhaps of a scale as well. What follows, a
/// scale or a shift, is absorbed one node at a time.
/// </summary>
public sealed class RecognizeNormalization : RewritePass
{
    public override string Name => "recognize-normalization";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        Value value = node.Output;
        if (!value.Type.Element.IsFloat() || value.Type.Rank == 0 || value.Type.Shape.Last.ConstantValue is not > 0)
        {
            return null;
        }
        return node.Op switch
        {
            Binary { Function: BinaryOp.Mul or BinaryOp.Div } => Core(value, editor) ?? AbsorbScale(node, editor),
            Binary { Function: BinaryOp.Add or BinaryOp.Sub } => Expanded(node, editor) ?? AbsorbShift(node, editor),
            _ => null,
        };
    }

    /// <summary>y·(mean(y²) + ε)^−½·scale in any grouping.</summary>
    private static Value? Core(Value value, GraphEditor editor)
    {
        foreach ((Value spread, double exponent) in Factors.Of(value).Items)
        {
            if (exponent != -0.5 || !MeanOfSquares(spread, out Value y, out double epsilon) || y.Type != value.Type)
            {
                continue;
            }
            Factors factors = Factors.Of(value, y, spread);
            Value[] others = [.. factors.Items.Select(i => i.Value).Where(v => v != y && v != spread)];
            if (factors[y] != 1 || factors[spread] != -0.5 || others.Length > 1)
            {
                continue;
            }
            Value? scale = Scale(value, factors, others, editor);
            return scale is null ? null : Build(y, epsilon, scale, null, editor);
        }
        return null;
    }

    /// <summary>TensorFlow's batch-norm form: x·g + (shift − mean(x)·g) with g = (variance + ε)^−½·scale.</summary>
    private static Value? Expanded(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2 && node.Op is Binary { Function: BinaryOp.Add }; i++)
        {
            (Value product, Value rest) = (node.Inputs[i], node.Inputs[1 - i]);
            if (!Match.Binary(rest, BinaryOp.Sub, out Value shift, out Value correction))
            {
                continue;
            }
            foreach ((Value spread, double exponent) in Factors.Of(product).Items)
            {
                if (exponent != -0.5 || !MeanOfSquares(spread, out Value y, out double epsilon) || !Centred(y, out Value x, out Value mean) || x.Type != node.Output.Type)
                {
                    continue;
                }
                Factors main = Factors.Of(product, x, spread), subtracted = Factors.Of(correction, mean, spread);
                Value[] others = [.. main.Items.Select(f => f.Value).Where(v => v != x && v != spread)];
                bool same = main[x] == 1 && subtracted[mean] == 1 && subtracted[spread] == -0.5 && main.Coefficient == subtracted.Coefficient
                    && main.Items.Count == subtracted.Items.Count && others.Length <= 1 && Array.TrueForAll(others, o => subtracted[o] == main[o]);
                if (same && Scale(node.Output, main, others, editor) is { } scale && Row(shift, node.Output) is { } shiftRow)
                {
                    return Build(y, epsilon, scale, shiftRow, editor);
                }
            }
        }
        return null;
    }

    /// <summary>norm(x)·scale, also behind a cast.</summary>
    private static Value? AbsorbScale(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2 && node.Op is Binary { Function: BinaryOp.Mul }; i++)
        {
            if (NormBehind(node.Inputs[i], editor) is not { Op: Norm { HasShift: false } op } norm || Row(node.Inputs[1 - i], node.Output) is not { } row)
            {
                continue;
            }
            Tensor scale = Combine(Match.Uniform(norm.Inputs[1]) == 1 ? null : norm.Inputs[1].ConstantData, row, norm.Output.Type.Element);
            return CastTo(node.Output.Type.Element, editor.Add(op, [norm.Inputs[0], editor.Constant(scale, node.Inputs[1 - i].Name)]), editor);
        }
        return null;
    }

    /// <summary>norm(x) + shift, also behind a cast.</summary>
    private static Value? AbsorbShift(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2 && node.Op is Binary { Function: BinaryOp.Add }; i++)
        {
            if (NormBehind(node.Inputs[i], editor) is { Op: Norm { HasShift: false } op } norm && Row(node.Inputs[1 - i], node.Output) is { } row)
            {
                Value shift = editor.Constant(Combine(null, row, norm.Output.Type.Element), node.Inputs[1 - i].Name);
                return CastTo(node.Output.Type.Element, editor.Add(op with { HasShift = true }, [norm.Inputs[0], norm.Inputs[1], shift]), editor);
            }
        }
        return null;
    }

    private static Node? NormBehind(Value value, GraphEditor editor)
    {
        if (editor.Uses(value) == 1 && Match.Node(value, out Node cast, out Cast _) && cast.Inputs[0].Type.Element.IsFloat())
        {
            value = cast.Inputs[0];
        }
        return editor.Uses(value) == 1 ? value.Producer : null;
    }

    private static Value CastTo(ElementType element, Value value, GraphEditor editor) =>
        value.Type.Element == element ? value : editor.Add(new Cast(element), [value]);

    private static Value Build(Value y, double epsilon, Value scale, Tensor? shift, GraphEditor editor)
    {
        NormKind kind = Centred(y, out Value x, out _) ? NormKind.Layer : NormKind.Rms;
        return shift is null
            ? editor.Add(new Norm(kind, epsilon, false), [x, scale])
            : editor.Add(new Norm(kind, epsilon, true), [x, scale, editor.Constant(Combine(null, shift, x.Type.Element), "shift")]);
    }

    /// <summary>spread = mean(y·y) + ε over the last dimension.</summary>
    private static bool MeanOfSquares(Value spread, out Value y, out double epsilon)
    {
        y = spread;
        if (!Match.WithScalar(spread, BinaryOp.Add, out Value mean, out epsilon) || epsilon < 0 || !MeanOverLast(mean, out Value squares))
        {
            return false;
        }
        if (Match.Binary(squares, BinaryOp.Mul, out Value a, out Value b) && a == b)
        {
            y = a;
            return true;
        }
        return false;
    }

    private static bool MeanOverLast(Value value, out Value x)
    {
        x = value;
        if (!Match.Node(value, out Node node, out Reduce op) || op is not { Function: ReduceOp.Mean, KeepDims: true, Axes.Count: 1 } || op.Axes[0] != node.Inputs[0].Type.Rank - 1)
        {
            return false;
        }
        x = node.Inputs[0];
        return true;
    }

    /// <summary>y = x − mean(x) over the last dimension.</summary>
    private static bool Centred(Value y, out Value x, out Value mean)
    {
        x = mean = y;
        if (!Match.Binary(y, BinaryOp.Sub, out Value minuend, out Value subtrahend) || !MeanOverLast(subtrahend, out Value source) || source != minuend)
        {
            return false;
        }
        (x, mean) = (minuend, subtrahend);
        return true;
    }

    /// <summary>The factors beside y as one row: a constant vector times the coefficient, or ones.</summary>
    private static Value? Scale(Value value, Factors factors, Value[] others, GraphEditor editor)
    {
        var uniform = new double[value.Type.Shape.Last.ConstantValue!.Value];
        Array.Fill(uniform, factors.Coefficient);
        Tensor coefficient = TensorMath.FromDoubles(value.Type.Element, [uniform.Length], uniform);
        if (others.Length == 0)
        {
            return editor.Constant(coefficient, "scale");
        }
        Tensor? row = factors[others[0]] == 1 ? Row(others[0], value) : null;
        return row is null ? null : editor.Constant(Combine(factors.Coefficient == 1 ? null : coefficient, row, value.Type.Element), others[0].Name);
    }

    /// <summary>A constant with one value for each element of the last dimension, or one for all of them.</summary>
    private static Tensor? Row(Value value, Value result)
    {
        long width = result.Type.Shape.Last.ConstantValue!.Value;
        if (value.ConstantData is { } data && data.Count == width && value.Type.Rank >= 1 && data.Shape[^1] == width)
        {
            return data.Reshape([width]);
        }
        if (Match.Uniform(value) is not { } number || !Broadcasting.StretchesTo(value.Type.Shape, result.Type.Shape))
        {
            return null;
        }
        var filled = new double[width];
        Array.Fill(filled, number);
        return TensorMath.FromDoubles(value.Type.Element, [width], filled);
    }

    /// <summary>a·b element by element, in the type of the norm; without a it is b.</summary>
    private static Tensor Combine(Tensor? a, Tensor b, ElementType element)
    {
        if (a is null && b.Type == element)
        {
            return b;
        }
        double[] product = TensorMath.Doubles(b);
        double[]? scale = a is null ? null : TensorMath.Doubles(a);
        for (int i = 0; i < product.Length; i++)
        {
            product[i] *= scale?[i] ?? 1;
        }
        return TensorMath.FromDoubles(element, [product.Length], product);
    }
}
