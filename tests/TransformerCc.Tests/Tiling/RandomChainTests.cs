using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// Random chains of the operators that share row regions: what joins a region, what splits it and what is stored for a
/// later one must never change what is computed.
/// </summary>
public sealed class RandomChainTests
{
    private static readonly UnaryOp[] s_functions = [UnaryOp.Tanh, UnaryOp.Silu, UnaryOp.GeluErf, UnaryOp.Sigmoid, UnaryOp.Abs, UnaryOp.Relu];
    private static readonly BinaryOp[] s_combinations = [BinaryOp.Add, BinaryOp.Sub, BinaryOp.Mul, BinaryOp.Max];

    [Property(MaxTest = 40, Replay = "(1,3)")]
    public void Chain_agrees_with_the_reference(int seed)
    {
        var random = new Random(seed);
        Graph graph = Chain(random);
        var sizes = new Dictionary<string, long> { ["batch"] = random.Next(1, 4), ["n"] = random.Next(1, 60) };
        CompiledAgreement.Check(graph, random.Next(2) == 0 ? TestChips.Tiny : TestChips.Edge, Precision.F32, [sizes], seed: 5);
    }

    private static Graph Chain(Random random)
    {
        var graph = new Graph("chain");
        DimExpr batch = DimExpr.Symbol("batch"), n = DimExpr.Symbol("n");
        graph.Dimensions["batch"] = new DimInterval(1, 8);
        graph.Dimensions["n"] = new DimInterval(1, 128);
        long[] widths = [1, 5, 16, 40];
        long Width() => widths[random.Next(widths.Length)];
        Value Random(params long[] shape) => graph.Constant(Floats(random, shape));
        var values = new List<Value>
        {
            graph.AddInput("x", new TensorType(ElementType.F32, [batch, n, Width()])),
            graph.AddInput("y", new TensorType(ElementType.F32, [n, Width()])),
        };
        int steps = random.Next(3, 14);
        while (graph.Nodes.Count < steps)
        {
            Value x = values[random.Next(values.Count)];
            EquatableArray<DimExpr> shape = x.Type.Shape;
            long width = shape.Last.ConstantValue!.Value;
            (Operator Op, Value[] Inputs) next = random.Next(9) switch
            {
                0 => (new Unary(s_functions[random.Next(s_functions.Length)]), [x]),
                1 => (new Binary(s_combinations[random.Next(s_combinations.Length)]), [x, values[random.Next(values.Count)]]),
                2 => (new Binary(BinaryOp.Add), [Random(width), x]),
                3 => (new Linear(random.Next(2) == 0 ? UnaryOp.Silu : null, HasBias: false, HasResidual: false), [x, Random(width, Width())]),
                4 => (new Linear(null, HasBias: true, HasResidual: true), [x, Random(width, width), Random(width), x]),
                5 => (new Norm(random.Next(2) == 0 ? NormKind.Rms : NormKind.Layer, 0.1, HasShift: false), [x, Random(width)]),
                6 => (new Reduce(ReduceOp.Mean, [shape.Count - 1], KeepDims: true), [x]),
                7 => (new Softmax(shape.Count - 1), [x]),
                _ => (new Reshape([.. shape.SkipLast(1), 1, width]), [x]),
            };
            try
            {
                values.Add(graph.Add(next.Op, next.Inputs, []).Output);
            }
            catch (ShapeException)
            {
                // These two do not combine; others will.
            }
        }
        graph.Outputs.Add(new GraphOutput("last", values[^1]));
        graph.Outputs.Add(new GraphOutput("some", values[random.Next(2, values.Count)]));
        return graph;
    }

    private static Tensor Floats(Random random, long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextSingle() * 2) - 1;
        }
        return Tensor.From<float>(ElementType.F32, shape, values);
    }
}
