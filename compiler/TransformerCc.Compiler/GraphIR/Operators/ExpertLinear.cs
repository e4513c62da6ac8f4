using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Every token times the weights of the experts chosen for it: y[t, s, n] = Σ x[t(, s), k]·w[ids[t, s], n, k] + bias[ids[t, s], n].
/// x [T, K] or [T, S, K], ids i32 or i64 [T, S], w [E, N, K], bias [E, N]. Negative ids count from the end; one outside −E … E − 1 traps.
/// </summary>
/// <param name="Weights">w is u8 [E, N, bytes of K elements] in this block format.</param>
public sealed record ExpertLinear(bool HasBias, BlockFormat? Weights = null) : Operator, IOperator<ExpertLinear>
{
    public static string OperatorName => "expert_linear";

    public override string Name => OperatorName;

    public static ExpertLinear Read(IAttributeReader reader) => new(reader.Flag("bias"), reader.OptionalBlocks("weights"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Flag("bias", HasBias);
        visitor.OptionalBlocks("weights", Weights);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, HasBias ? 4 : 3, HasBias ? "x, ids, w, bias" : "x, ids, w");
        TensorType x = inputs[0], ids = inputs[1], w = inputs[2];
        ShapeRules.ExpectFloat(x, "x");
        ShapeRules.Expect(x.Rank is 2 or 3, $"x must be [tokens, K] or [tokens, slots, K], is {x}");
        ShapeRules.Expect(ids.Element is ElementType.I32 or ElementType.I64, $"ids must be i32 or i64, are {ids}");
        ShapeRules.ExpectRank(ids, 2, "ids");
        ShapeRules.ExpectEqual(x.Shape[0], ids.Shape[0], "the tokens of x", "those of ids");
        if (x.Rank == 3)
        {
            ShapeRules.ExpectEqual(x.Shape[1], ids.Shape[1], "the slots of x", "those of ids");
        }
        ShapeRules.ExpectRank(w, 3, "w");
        WeightRows.ExpectDepth(w, Weights, x.Shape.Last, 2);
        if (HasBias)
        {
            ShapeRules.ExpectFloat(inputs[3], "bias");
            ShapeRules.Expect(inputs[3].Shape == w.Shape.Take(2).ToEquatableArray(), $"bias must be [{w.Shape[0]}, {w.Shape[1]}], is {inputs[3]}");
        }
        return ShapeRules.One(x.Element, [.. ids.Shape, w.Shape[1]]);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0], w = inputs[2];
        long[] ids = TensorMath.Longs(inputs[1]);
        long experts = w.Shape[0], columns = w.Shape[1], depth = x.Shape[^1], slots = inputs[1].Shape[1];
        double[] rows = TensorMath.Doubles(x), result = new double[checked(ids.Length * columns)];
        double[]? bias = HasBias ? TensorMath.Doubles(inputs[3]) : null;
        foreach (IGrouping<long, int> chosen in Enumerable.Range(0, ids.Length).GroupBy(i => ids[i] < 0 ? ids[i] + experts : ids[i]))
        {
            ShapeRules.Expect(chosen.Key >= 0 && chosen.Key < experts, $"there is no expert {chosen.Key} among {experts}");
            int[] places = [.. chosen];
            var gathered = new double[places.Length * depth];
            var product = new double[places.Length * columns];
            for (int i = 0; i < places.Length; i++)
            {
                long row = x.Rank == 3 ? places[i] : places[i] / slots;
                rows.AsSpan((int)(row * depth), (int)depth).CopyTo(gathered.AsSpan((int)(i * depth)));
            }
            WeightRows.Multiply(gathered, w, Weights, chosen.Key * columns, product, places.Length, depth, columns);
            for (int i = 0; i < places.Length; i++)
            {
                for (int n = 0; n < columns; n++)
                {
                    result[(places[i] * columns) + n] = product[(i * columns) + n] + (bias?[(chosen.Key * columns) + n] ?? 0);
                }
            }
        }
        return [TensorMath.FromDoubles(x.Type, [.. inputs[1].Shape, columns], result)];
    }
}
