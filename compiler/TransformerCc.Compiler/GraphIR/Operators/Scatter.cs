using System.Numerics;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// data with rows replaced by, or combined with, the rows of updates, one after another: row indices[i] of the leading
/// dimension with updates[i]. indices has any shape I, updates [I..., data.Shape[1..]...]; negative indices count from the
/// end, and of equal ones the last row wins.
/// </summary>
public sealed record Scatter(ScatterMode Mode) : Operator, IOperator<Scatter>
{
    public static string OperatorName => "scatter";

    public override string Name => OperatorName;

    public static Scatter Read(IAttributeReader reader) => new(reader.Word<ScatterMode>("mode"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Word("mode", Mode);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 3, "data, indices, updates");
        TensorType data = inputs[0], indices = inputs[1], updates = inputs[2];
        ShapeRules.Expect(data.Rank > 0, "data must have a dimension");
        ShapeRules.Expect(indices.Element is ElementType.I32 or ElementType.I64, $"indices must be i32 or i64, are {indices}");
        TensorType rows = new(data.Element, [.. indices.Shape, .. data.Shape.Skip(1)]);
        ShapeRules.Expect(updates == rows, $"updates are {updates}, must be {rows}");
        return [data];
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor data = inputs[0], updates = inputs[2];
        long extent = data.Shape[0], width = Strided.Count(data.Shape[1..]);
        long[] rows = [.. TensorMath.Longs(inputs[1]).Select(i => i < 0 ? i + extent : i)];
        foreach (long row in rows)
        {
            ShapeRules.Expect(row >= 0 && row < extent, $"index {row} is outside a dimension of {extent}");
        }
        if (Mode == ScatterMode.Replace)
        {
            byte[] bytes = data.Data.ToArray();
            int run = checked((int)width * data.Type.Size());
            for (int i = 0; i < rows.Length; i++)
            {
                updates.Data.Span.Slice(i * run, run).CopyTo(bytes.AsSpan((int)rows[i] * run));
            }
            return [new Tensor(data.Type, data.Shape, bytes)];
        }
        return data.Type.IsFloat()
            ? [TensorMath.FromDoubles(data.Type, data.Shape, Combine(TensorMath.Doubles(data), TensorMath.Doubles(updates), rows, width))]
            : [TensorMath.FromLongs(data.Type, data.Shape, Combine(TensorMath.Longs(data), TensorMath.Longs(updates), rows, width))];
    }

    private T[] Combine<T>(T[] data, T[] updates, long[] rows, long width) where T : INumber<T>
    {
        for (int i = 0; i < updates.Length; i++)
        {
            ref T t = ref data[(rows[i / width] * width) + (i % width)];
            T v = updates[i];
            t = unchecked(Mode switch
            {
                ScatterMode.Add => t + v,
                ScatterMode.Multiply => t * v,
                ScatterMode.Min => T.Min(t, v),
                _ => T.Max(t, v),
            });
        }
        return data;
    }
}
