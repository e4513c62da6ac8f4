using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Einstein's sums: operands are combined from the left, two at a time, by a matrix product over the labels that go away
/// and elementwise over those that stay. An ellipsis stands for labels of its own, aligned at the last.
/// </summary>
internal static class EinsumOperator
{
    /// <summary>The first of the labels that an ellipsis stands for: none that an equation can spell.</summary>
    private const char Ellipsis = '\u0100';

    public static IReadOnlyList<OperatorEntry> Entries { get; } = [new("Einsum", From(12, "Inputs*").Text("equation").Required("equation"), Translate)];

    private sealed record Term(string Labels, Value Value)
    {
        public DimExpr Size(char label) => Value.Type.Shape[Labels.IndexOf(label, StringComparison.Ordinal)];
    }

    private static void Translate(NodeContext n)
    {
        string equation = n.Text("equation", "").Replace(" ", "", StringComparison.Ordinal);
        int arrow = equation.IndexOf("->", StringComparison.Ordinal);
        string[] inputs = (arrow < 0 ? equation : equation[..arrow]).Split(',');
        if (inputs.Length != n.InputCount)
        {
            throw ImportException.Invalid($"equation '{equation}' for {n.InputCount} inputs");
        }
        int[] hidden = [.. inputs.Select((text, i) => text.Contains("...", StringComparison.Ordinal) ? n.Rank(i) - (text.Length - 3) : 0)];
        int widest = hidden.Max();
        List<Term> terms = [.. inputs.Select((text, i) => Diagonal(n, new Term(Spell(text, hidden[i], widest, n.Rank(i)), n.Value(i))))];
        string result = arrow >= 0 ? Spell(equation[(arrow + 2)..], widest, widest, null) : Implicit(string.Concat(inputs), widest);
        if (result.Any(c => !terms.Exists(t => t.Labels.Contains(c, StringComparison.Ordinal))) || result.Distinct().Count() != result.Length)
        {
            throw ImportException.Invalid($"the result of equation '{equation}' has a label that no input has, or one twice");
        }
        while (terms.Count > 1)
        {
            string needed = result + string.Concat(terms.Skip(2).Select(t => t.Labels));
            terms = [Combine(n, Sum(n, terms[0], needed + terms[1].Labels), Sum(n, terms[1], needed + terms[0].Labels), needed), .. terms.Skip(2)];
        }
        Term last = Sum(n, terms[0], result);
        n.Return(Arrange(n, last, result));
    }

    /// <summary>An ellipsis as labels; one that stands for fewer dimensions than another has the last of them.</summary>
    private static string Spell(string text, int hidden, int widest, int? rank)
    {
        string labels = text.Replace("...", string.Concat(Enumerable.Range(widest - hidden, int.Max(hidden, 0)).Select(i => (char)(Ellipsis + i))), StringComparison.Ordinal);
        return hidden >= 0 && (rank is null || labels.Length == rank) && labels.All(c => char.IsAsciiLetter(c) || c >= Ellipsis) ? labels
            : throw ImportException.Invalid($"'{text}' does not describe {(rank is null ? "a result" : $"{rank} dimensions")}");
    }

    /// <summary>Without a result given: what the ellipsis stands for, then the labels that occur once, in order.</summary>
    private static string Implicit(string inputs, int widest) =>
        string.Concat(Enumerable.Range(0, widest).Select(i => (char)(Ellipsis + i))) + string.Concat(inputs.Where(c => char.IsAsciiLetter(c) && inputs.Count(d => d == c) == 1).Order());

    /// <summary>A label that occurs twice in one operand chooses the diagonal: all else becomes 0 and one of the two is summed.</summary>
    private static Term Diagonal(NodeContext n, Term term)
    {
        for (int second = 1; second < term.Labels.Length; second++)
        {
            int first = term.Labels.IndexOf(term.Labels[second], StringComparison.Ordinal);
            if (first == second)
            {
                continue;
            }
            Value x = term.Value;
            Value Ramp(int axis) => n.Emit(new Iota(ElementType.I64, x.Type.Shape.Select((d, i) => i == axis ? d : DimExpr.One).ToEquatableArray(), axis, DimExpr.Zero, 1));
            Value kept = n.Select(n.Binary(BinaryOp.Equal, Ramp(first), Ramp(second)), x, n.Scalar(x.Type.Element, 0));
            term = new Term(term.Labels.Remove(second, 1), n.Reduce(ReduceOp.Sum, kept, [second], keepDims: false));
            second--;
        }
        return term;
    }

    /// <summary>Sums over the labels that are not needed.</summary>
    private static Term Sum(NodeContext n, Term term, string needed)
    {
        long[] axes = [.. Enumerable.Range(0, term.Labels.Length).Where(i => !needed.Contains(term.Labels[i], StringComparison.Ordinal)).Select(i => (long)i)];
        return axes.Length == 0 ? term : new Term(string.Concat(term.Labels.Where(c => needed.Contains(c, StringComparison.Ordinal))), n.Reduce(ReduceOp.Sum, term.Value, axes, keepDims: false));
    }

    private static Term Combine(NodeContext n, Term a, Term b, string needed)
    {
        string both = string.Concat(a.Labels.Where(c => b.Labels.Contains(c, StringComparison.Ordinal)));
        (a, b) = (Stretch(n, a, b, both), Stretch(n, b, a, both));
        string batch = string.Concat(both.Where(c => needed.Contains(c, StringComparison.Ordinal))), summed = string.Concat(both.Except(batch));
        string rows = string.Concat(a.Labels.Except(both)), columns = string.Concat(b.Labels.Except(both));
        string labels = batch + rows + columns;
        EquatableArray<DimExpr> shape = labels.Select(c => a.Labels.Contains(c, StringComparison.Ordinal) ? a.Size(c) : b.Size(c)).ToEquatableArray();
        if (summed.Length == 0 || !a.Value.Type.Element.IsFloat())
        {
            // Integers do not go through the matrix engine: their sums must be exact.
            Value left = Arrange(n, a, batch + rows + summed), right = Arrange(n, b, batch + columns + summed);
            DimExpr[] Sizes(Term t, string part) => [.. part.Select(t.Size)];
            Value product = n.Multiply(
                n.Reshape(left, [.. Sizes(a, batch + rows), .. columns.Select(_ => DimExpr.One), .. Sizes(a, summed)]),
                n.Reshape(right, [.. Sizes(b, batch), .. rows.Select(_ => DimExpr.One), .. Sizes(b, columns + summed)]));
            return Sum(n, new Term(labels + summed, product), labels);
        }
        DimExpr Joined(Term t, string part) => DimExpr.Product(part.Select(t.Size));
        DimExpr[] outer = [.. batch.Select(a.Size)];
        Value x = n.Reshape(Arrange(n, a, batch + rows + summed), [.. outer, Joined(a, rows), Joined(a, summed)]);
        Value y = n.Reshape(Arrange(n, b, batch + summed + columns), [.. outer, Joined(b, summed), Joined(b, columns)]);
        return new Term(labels, n.Reshape(n.Emit(new GraphIR.Operators.MatMul(), x, y), shape));
    }

    /// <summary>A dimension of size 1 is repeated where the other operand's is longer.</summary>
    private static Term Stretch(NodeContext n, Term term, Term other, string both) =>
        term with { Value = n.Broadcast(term.Value, term.Labels.Select(c => term.Size(c).Is(1) && both.Contains(c, StringComparison.Ordinal) ? other.Size(c) : term.Size(c))) };

    private static Value Arrange(NodeContext n, Term term, string labels)
    {
        long[] permutation = [.. labels.Select(c => (long)term.Labels.IndexOf(c, StringComparison.Ordinal))];
        return permutation.SequenceEqual(Enumerable.Range(0, permutation.Length).Select(i => (long)i)) ? term.Value : n.Transpose(term.Value, permutation);
    }
}
