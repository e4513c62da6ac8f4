using System.Globalization;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Small random graphs that are well formed: operators are tried on random values, and kept where they fit.</summary>
internal static class RandomGraphs
{
    public static Graph Make(int seed)
    {
        var random = new Random(seed);
        var graph = new Graph($"random \"{seed}\" é");
        graph.Dimensions["n"] = new DimInterval(1, random.Next(1, 100));
        graph.Dimensions["input"] = new DimInterval(0, long.MaxValue);
        DimExpr[] sizes = [1, 2, 4, DimExpr.Symbol("n"), DimExpr.Symbol("input") + DimExpr.Symbol("n") * 2, DimExpr.FloorDiv(DimExpr.Symbol("n"), 2) + 1];
        DimExpr Size() => sizes[random.Next(sizes.Length)];
        EquatableArray<DimExpr> Shape() => Enumerable.Range(0, random.Next(5)).Select(_ => Size()).ToEquatableArray();
        ElementType Type() => ElementTypes.All[random.Next(ElementTypes.All.Count)];
        T Any<T>() where T : struct, Enum => Enum.GetValues<T>()[random.Next(Enum.GetValues<T>().Length)];
        EquatableArray<long> Longs(int count, int low, int high) => Enumerable.Range(0, count).Select(_ => (long)random.Next(low, high)).ToEquatableArray();
        bool Coin() => random.Next(2) == 0;

        var values = new List<Value> { graph.AddInput("x", new TensorType(Type(), Shape())), graph.AddInput("x y", new TensorType(ElementType.F32, Shape())) };
        values.Add(graph.Constant(RandomTensor(random, Type())));
        values.Add(graph.Constant(RandomTensor(random, ElementType.F32)));
        for (int tries = 0; tries < 60; tries++)
        {
            Value x = values[random.Next(values.Count)], y = values[random.Next(values.Count)], z = values[random.Next(values.Count)];
            int rank = x.Type.Rank;
            (Operator Op, Value[] Inputs) candidate = random.Next(20) switch
            {
                0 => (new Unary(Any<UnaryOp>(), random.NextSingle()), [x]),
                1 => (new Binary(Any<BinaryOp>()), [x, y]),
                2 => (new Select(), [x, y, z]),
                3 => (new Cast(Type()), [x]),
                4 => (new Gated(Any<UnaryOp>()), [x, x]),
                5 => (new Reshape(x.Type.Shape.Append(1).ToEquatableArray()), [x]),
                6 => (new Transpose(Enumerable.Range(0, rank).Select(i => (long)(rank - 1 - i)).ToEquatableArray()), [x]),
                7 => (new Broadcast(x.Type.Shape.Prepend(Size()).ToEquatableArray()), [x]),
                8 => (new Slice(x.Type.Shape.Select(d => d - 1).ToEquatableArray(), x.Type.Shape.Select(_ => DimExpr.One).ToEquatableArray(), Longs(rank, -3, 0)), [x]),
                9 => (new Concat(random.Next(3)), [x, x, y]),
                10 => (new Pad(Longs(rank, 0, 3), Longs(rank, 0, 3)), [x]),
                11 => (new Gather(random.Next(3)), [x, y]),
                12 => (new Iota(Type(), Shape(), random.Next(2), Size(), random.Next(-3, 3)), []),
                13 => (new ShapeValue([Size(), Size()], [2]), []),
                14 => (new Reduce(Any<ReduceOp>(), Longs(1, 0, 3), Coin()), [x]),
                15 => (new CumSum(random.Next(3), Coin(), Coin()), [x]),
                16 => (new Norm(Any<NormKind>(), random.NextDouble(), HasShift: false), [x, y]),
                17 => (new MatMul(), [x, y]),
                18 => (new Linear(Coin() ? Any<UnaryOp>() : null, HasBias: false, HasResidual: false, Transposed: Coin()), [x, y]),
                _ => (new Attention(HeadLayout.BHSD, HeadLayout.BSHD, Any<HeadLayout>(), HeadLayout.BSHD, random.NextSingle() * 1e-9f, MaskKind.None, Coin() ? Size() : null), [x, y, z]),
            };
            try
            {
                string[] sources = [.. Enumerable.Range(0, random.Next(3)).Select(i => string.Create(CultureInfo.InvariantCulture, $"/layers.{i}/\"quoted\\\n"))];
                values.Add(graph.Add(candidate.Op, candidate.Inputs, sources, Coin() ? "v" : null).Output);
            }
            catch (ShapeException)
            {
                // This one does not fit; the next may.
            }
        }
        graph.Outputs.Add(new GraphOutput("last\t", values[^1]));
        graph.Outputs.Add(new GraphOutput("some", values[random.Next(values.Count)]));
        return graph;
    }

    private static Tensor RandomTensor(Random random, ElementType type)
    {
        long[] shape = [random.Next(3), random.Next(1, 30)];
        var bytes = new byte[shape[0] * shape[1] * type.Size()];
        random.NextBytes(bytes);
        return new Tensor(type, shape, bytes);
    }
}
