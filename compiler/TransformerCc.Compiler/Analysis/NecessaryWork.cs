using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Analysis;

/// <summary>
/// The least that a graph asks of any program for it, node by node: multiply-adds that cannot be left out, and bytes that
/// DRAM must give or take. Weights are read once in a run as they are stored, of tables the rows that are looked up, of
/// experts those that can be chosen; inputs are read once and outputs written once; of a cache the visible past is read once
/// and the new rows are written once. Everything else may stay on the chip.
/// </summary>
public sealed class NecessaryWork
{
    private readonly ElementType _matrixFormat;
    private readonly Graph _graph;
    private readonly HashSet<Value> _states = new(ReferenceEqualityComparer.Instance);

    /// <summary>Inputs and constants that an earlier node has read in full.</summary>
    private readonly HashSet<Value> _read = new(ReferenceEqualityComparer.Instance);

    private NecessaryWork(Graph graph, Precision precision)
    {
        _graph = graph;
        _matrixFormat = precision == Precision.BF16 ? ElementType.BF16 : ElementType.F32;
        _states.UnionWith(graph.States.SelectMany(s => (Value[])[s.Input, s.Next]));
    }

    /// <summary>Nodes with neither products nor bytes of DRAM are left out.</summary>
    public static ImmutableArray<NodeWork> Of(Graph graph, Precision precision)
    {
        var work = new NecessaryWork(graph, precision);
        return [.. graph.Nodes.Select(work.Of).Where(w => !w.MultiplyAdds.Is(0) || !w.Bytes.Is(0))];
    }

    private NodeWork Of(Node node)
    {
        DimExpr bytes = DimExpr.Sum(node.Inputs.Select((value, i) => Read(node, i, value)).Concat(node.Outputs.Select(Written)));
        if (node.Op is CacheAppend)
        {
            bytes += node.Inputs[1].Type.Count * node.Output.Type.Element.Size();
        }
        return new NodeWork(node.Output.Name, string.Join(',', node.Sources), Class(node), MultiplyAdds(node), bytes);
    }

    private DimExpr Written(Value value) => _graph.IsOutput(value) ? value.Type.Count * value.Type.Element.Size() : DimExpr.Zero;

    /// <summary>What an operand costs at its first reader.</summary>
    private DimExpr Read(Node node, int operand, Value value)
    {
        if (_states.Contains(value))
        {
            return node.Op is CachedAttention attention && operand is not 0 and not 3 ? PastRows(attention, node, value) : DimExpr.Zero;
        }
        bool isInput = value.Producer is null && !value.IsConstant;
        // Numbers become part of instructions.
        if (_read.Contains(value) || (!isInput && value.ConstantData is not { Count: > 1 }))
        {
            return DimExpr.Zero;
        }
        if (node.Op is Gather gather && operand == 0)
        {
            return Rows(gather, node, value);
        }
        _read.Add(value);
        return node.Op switch
        {
            Linear linear when operand == 1 => Stored(value, linear.Weights, node.Inputs[0].Type.Shape.Last),
            ExpertLinear experts when operand is 2 or 3 => ChosenExperts(experts, node, operand),
            MatMul or Conv when value.IsConstant && operand < 2 => Stored(value, null, 0),
            _ => value.Type.Count * value.Type.Element.Size(),
        };
    }

    /// <summary>Bytes of a weight as panels hold it.</summary>
    private DimExpr Stored(Value weight, BlockFormat? blocks, DimExpr depth) =>
        blocks is null ? weight.Type.Count * (weight.Type.Element.IsFloat() ? _matrixFormat.Size() : weight.Type.Element.Size())
        : DimExpr.Product(weight.Type.Shape.SkipLast(1)) * blocks.PanelFormat.RowBytes(depth.ConstantValue!.Value);

    /// <summary>At most one expert for each slot of a token, and at most all.</summary>
    private DimExpr ChosenExperts(ExpertLinear linear, Node node, int operand)
    {
        Value weights = node.Inputs[operand];
        long experts = weights.Type.Shape[0].ConstantValue!.Value;
        DimExpr all = operand == 2 ? Stored(weights, linear.Weights, node.Inputs[0].Type.Shape.Last) : weights.Type.Count * weights.Type.Element.Size();
        return DimExpr.FloorDiv(all, experts) * DimExpr.Min(experts, node.Inputs[1].Type.Count);
    }

    /// <summary>The rows that are looked up, and no more than the table has.</summary>
    private static DimExpr Rows(Gather gather, Node node, Value table)
    {
        DimExpr whole = table.Type.Count * table.Type.Element.Size();
        DimExpr slice = DimExpr.Product(table.Type.Shape.Where((_, axis) => axis != gather.Axis)) * table.Type.Element.Size();
        return DimExpr.Min(whole, slice * node.Inputs[1].Type.Count);
    }

    /// <summary>Rows of a cache that stood there before the run and that some query sees: of a window w, the first sees w − 1.</summary>
    private DimExpr PastRows(CachedAttention attention, Node node, Value cache)
    {
        DimExpr past = Past(node), seen = attention.Window == 0 ? past : DimExpr.Min(past, attention.Window - 1);
        EquatableArray<DimExpr> shape = cache.Type.Shape;
        return node.Inputs[3].Type.Shape[0] * shape[1] * seen * shape[3] * cache.Type.Element.Size();
    }

    /// <summary>The positions that every sequence has already; 0 where they are computed, so that nobody knows them.</summary>
    private DimExpr Past(Node node) => _graph.Fills.ContainsKey(node.Inputs[3]) ? DimExpr.Symbol(node.Inputs[3].Name) : DimExpr.Zero;

    private DimExpr MultiplyAdds(Node node)
    {
        if (node.Op is CachedAttention attention)
        {
            (DimExpr batch, DimExpr heads, DimExpr queries, DimExpr width) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
            DimExpr past = Past(node), pairs = Visible(past + queries, attention.Window) - Visible(past, attention.Window);
            return batch * heads * pairs * (width + node.Inputs[2].Type.Shape[3]);
        }
        NodeArithmetic arithmetic = NodeArithmetic.Of(node);
        return arithmetic.Kind == ArithmeticKind.Other ? DimExpr.Zero : DimExpr.FloorDiv(arithmetic.Operations, 2);
    }

    /// <summary>Keys that the queries at positions 0 … n − 1 see, together: Σ min(p + 1, w), or n·(n + 1)/2 without a window.</summary>
    private static DimExpr Visible(DimExpr positions, long window)
    {
        DimExpr rising = window == 0 ? positions : DimExpr.Min(positions, window);
        return DimExpr.FloorDiv(rising * (rising + 1), 2) + ((positions - rising) * window);
    }

    private MacClass Class(Node node)
    {
        ElementType element = node.Inputs is [var first, ..] ? first.Type.Element : ElementType.F32;
        ElementType multiplied = node.Op is MatMul or Conv && element.Size() == 1 && element.IsInteger() ? element : _matrixFormat;
        return MatrixCost.ClassOf(multiplied, multiplied);
    }
}
