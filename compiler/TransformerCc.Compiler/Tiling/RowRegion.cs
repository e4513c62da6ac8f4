using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Consecutive operators over the same rows that share one loop over row tiles: what they pass to each other stays on
/// the chip.
/// </summary>
internal sealed class RowRegion
{
    /// <summary>More operators than this start a new region: programs and plans stay small.</summary>
    private const int MaxNodes = 64;

    private readonly HashSet<Value> _produced = [];
    private bool _hasPartial;

    private RowRegion(DimExpr rows, EquatableArray<DimExpr> rowDims)
    {
        Rows = rows;
        RowDims = rowDims;
    }

    public DimExpr Rows { get; }

    /// <summary>The factors of the number of rows that operands repeated along some of them need to know.</summary>
    public EquatableArray<DimExpr> RowDims { get; private set; }

    public List<(Node Node, RowForm Form)> Members { get; } = [];

    public HashSet<Node> Nodes { get; } = [];

    /// <summary>Starts a region with a node; null when it does not work by rows.</summary>
    public static RowRegion? Start(Node node) => Start(node, null);

    /// <summary>A region whose rows are single elements, for elementwise operators on rows that are too long.</summary>
    public RowRegion? Flattened() => Members is [(var node, var form)] && !form.Columns.Is(1) ? Start(node, node.Output.Type.Count) : null;

    private static RowRegion? Start(Node node, DimExpr? rows)
    {
        // Cutting and joining columns pays only between neighbours on the chip.
        RowForm? form = node.Op is Slice or Concat ? null : RowForm.Of(node, rows);
        if (form is null || (rows is not null && form.Rows != rows))
        {
            return null;
        }
        var region = new RowRegion(form.Rows, form.RowDims);
        region.Add(node, form);
        return region;
    }

    /// <summary>The two halves of a region that is too large for the chip; null when it has one member.</summary>
    public (RowRegion First, RowRegion Second)? Split()
    {
        if (Members.Count < 2)
        {
            return null;
        }
        int half = (Members.Count + 1) / 2;
        return (Part(0, half), Part(half, Members.Count));
    }

    /// <summary>The region of some members that follow each other.</summary>
    /// <param name="end">One past the last.</param>
    public RowRegion Part(int first, int end)
    {
        var part = new RowRegion(Rows, RowDims);
        for (int i = first; i < end; i++)
        {
            part.Add(Members[i].Node, Members[i].Form);
        }
        return part;
    }

    public bool Produces(Value value) => _produced.Contains(ValueStorage.Root(value));

    /// <summary>Adds a node when it works on the same rows and reads what the region produces row by row.</summary>
    public bool TryJoin(Node node)
    {
        if (Members.Count >= MaxNodes || (node.Op is Slice or Concat && !Feeds(node)) || RowForm.Of(node, Rows) is not { } form || form.Rows != Rows)
        {
            return false;
        }
        bool partial = false;
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            RowOperand operand = form.Operands[i];
            partial |= operand.Kind == RowOperandKind.Partial;
            if (operand.Kind != RowOperandKind.Full && Produces(node.Inputs[i]))
            {
                return false;
            }
        }
        if (partial && form.RowDims != RowDims)
        {
            if (_hasPartial)
            {
                return false;
            }
            RowDims = form.RowDims;
        }
        Add(node, form);
        return true;
    }

    /// <summary>Whether a node reads anything that the region produces.</summary>
    public bool Feeds(Node node) => node.Inputs.Exists(Produces);

    private void Add(Node node, RowForm form)
    {
        Members.Add((node, form));
        Nodes.Add(node);
        _hasPartial |= form.Operands.Any(o => o.Kind == RowOperandKind.Partial);
        foreach (Value v in node.Outputs)
        {
            _produced.Add(ValueStorage.Root(v));
        }
    }

    /// <summary>
    /// Row dimensions merged where no operand tells them apart: the loops of the region, outermost first, the last one
    /// in tiles. For each operand kind of <see cref="RowOperandKind.Partial"/> the flags follow the same merging.
    /// </summary>
    public IReadOnlyList<RowGroup> Groups()
    {
        EquatableArray<bool>[] patterns = [.. Members.SelectMany(m => m.Form.Operands).Where(o => o.Kind == RowOperandKind.Partial).Select(o => o.Repeated).Distinct()];
        var groups = new List<RowGroup>();
        for (int i = 0; i < RowDims.Count; i++)
        {
            if (RowDims[i].Is(1))
            {
                continue;
            }
            int axis = i;
            if (groups.Count > 0 && patterns.All(p => p[groups[^1].Axis] == p[axis]))
            {
                groups[^1] = groups[^1] with { Length = groups[^1].Length * RowDims[i] };
            }
            else
            {
                groups.Add(new RowGroup(i, RowDims[i]));
            }
        }
        return groups.Count == 0 ? [new RowGroup(-1, DimExpr.One)] : groups;
    }
}

/// <param name="Axis">The first row dimension of the group, which stands for all of them in the flags of operands.</param>
/// <param name="Length">Product of the dimensions.</param>
internal sealed record RowGroup(int Axis, DimExpr Length);
