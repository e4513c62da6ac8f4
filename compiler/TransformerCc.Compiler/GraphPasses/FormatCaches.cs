using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Gives the caches of keys and values the format that the user asked for: what is appended is rounded to it. Int8 makes
/// two caches of each: codes round(row / scale), and scale = max |row| / 127 of every row of a head.
/// </summary>
public sealed class FormatCaches(CacheFormat format) : IGraphPass
{
    private const float LargestCode = 127;

    /// <summary>Of a row of zeros, so that it divides; the smallest normal float.</summary>
    private const float SmallestScale = 1.17549435E-38f;

    public const string PassName = "format-caches";

    public string Name => PassName;

    public void Run(Graph graph, PassContext context)
    {
        var scales = new Dictionary<Value, Value>();
        foreach (GraphState state in graph.States.ToArray())
        {
            Node append = state.Next.Producer!;
            if (format == CacheFormat.Int8)
            {
                scales[state.Next] = Quantize(graph, state, append);
            }
            state.Input.Type = state.Next.Type = state.Input.Type with { Element = Element };
            context.CountRewrite();
        }
        foreach (Node node in graph.Nodes.Where(n => n.Op is CachedAttention && scales.Count > 0))
        {
            // A page table stays last.
            node.Inputs.InsertRange(4, [scales[node.Inputs[1]], scales[node.Inputs[2]]]);
            node.Op = (CachedAttention)node.Op with { Scaled = true };
        }
    }

    private ElementType Element => format switch
    {
        CacheFormat.BF16 => ElementType.BF16,
        CacheFormat.FP8 => ElementType.F8E4M3,
        CacheFormat.Int8 => ElementType.I8,
        _ => ElementType.F32,
    };

    /// <summary>Quantises what is appended; returns the scales with the new ones appended.</summary>
    private static Value Quantize(Graph graph, GraphState state, Node append)
    {
        Value Add(Operator op, params Value[] inputs) => graph.Add(op, inputs, append.Sources, $"{state.Input.Name}.{op.Name}", append).Output;
        Value Number(float value) => graph.Constant(Tensor.From<float>(ElementType.F32, [], [value]));
        Value rows = append.Inputs[1].Type.Element == ElementType.F32 ? append.Inputs[1] : Add(new Cast(ElementType.F32), append.Inputs[1]);
        // The width is the last axis of every layout that an append takes.
        Value largest = Add(new Reduce(ReduceOp.Max, [3], KeepDims: true), Add(new Unary(UnaryOp.Abs), rows));
        Value scale = Add(new Binary(BinaryOp.Max), Add(new Binary(BinaryOp.Mul), largest, Number(1 / LargestCode)), Number(SmallestScale));
        append.Inputs[1] = Add(new Cast(ElementType.I8), Add(new Unary(UnaryOp.Round), Add(new Binary(BinaryOp.Div), rows, scale)));
        Value cache = graph.AddInput($"{state.Input.Name}.scale", new TensorType(ElementType.F32, [.. state.Input.Type.Shape.Take(3), DimExpr.One]));
        Value next = Add(append.Op, [cache, scale, .. append.Inputs.Skip(2)]);
        graph.States.Add(new GraphState(cache, next));
        return next;
    }
}
