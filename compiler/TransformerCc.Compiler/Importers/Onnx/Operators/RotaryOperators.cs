using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Rotary position embedding: of ONNX (RotaryEmbedding-23), of ONNX Runtime, and as part of its attention.</summary>
internal static class RotaryOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("RotaryEmbedding", From(23, "X", "cos_cache", "sin_cache", "position_ids?").OneIsYes("interleaved").Int("num_heads", "rotary_embedding_dim"), n => Rotate(n, cos: 1, sin: 2, positions: 3)),
        new("RotaryEmbedding", From(1, "input", "position_ids", "cos_cache", "sin_cache").OneIsYes("interleaved").Int("num_heads", "rotary_embedding_dim")
            .Unused(AttributeKind.Float, "scale", KernelIgnores).Unused(AttributeKind.Int, "is_packed_batching", KernelIgnores), n => Rotate(n, cos: 2, sin: 3, positions: 1)) { Domain = ContribOperators.Microsoft },
    ];

    private const string KernelIgnores = "ONNX Runtime's kernel does not read it";

    /// <summary>The heads rotated by the angles of [batch, length] positions in tables [positions, R/2].</summary>
    public static Heads Rotate(NodeContext n, Heads x, Value cos, Value sin, Value positions, bool interleaved) =>
        Rotate(n, x, n.Emit(new Gather(0), cos, positions), n.Emit(new Gather(0), sin, positions), interleaved);

    private static Heads Rotate(NodeContext n, Heads x, Value cos, Value sin, bool interleaved)
    {
        Value Angles(Value table) => n.Cast(Fitting.FitBroadcast(n, table, [x.Batch, x.Length, table.Type.Shape.Last], "the table of angles"), x.Tensor.Type.Element);
        return x with { Tensor = n.Emit(new Rope(interleaved ? RopeKind.Interleaved : RopeKind.Half, x.Layout), x.Tensor, Angles(cos), Angles(sin)) };
    }

    private static void Rotate(NodeContext n, int cos, int sin, int positions)
    {
        Value x = n.Value(0), cosTable = n.Value(cos), sinTable = n.Value(sin);
        long rotated = n.Int("rotary_embedding_dim", 0), count = n.Int("num_heads", 0);
        if (x.Type.Rank == 3 && count == 0)
        {
            // Without a number of heads the tables tell the width of one.
            count = cosTable.Type.Shape.Last.ConstantValue is > 0 and { } half && x.Type.Shape[2].ConstantValue is { } width ? width / (half * 2)
                : throw ImportException.Invalid("num_heads is needed for an input of three dimensions");
        }
        Heads heads = Heads.Of(n, x, count);
        if (rotated == 0 && heads.Width.ConstantValue is { } all && cosTable.Type.Shape.Last.ConstantValue is { } columnsOfAll && columnsOfAll * 2 != all)
        {
            throw ImportException.Invalid($"tables of {columnsOfAll} columns for heads of {all} numbers, all of which are rotated without rotary_embedding_dim", $"set rotary_embedding_dim to {columnsOfAll * 2}");
        }
        if (rotated < 0 || rotated % 2 != 0 || (cosTable.Type.Shape.Last.ConstantValue is { } pairs && pairs * 2 < rotated))
        {
            throw ImportException.Invalid($"{rotated} numbers of a head cannot be rotated in pairs by tables of {cosTable.Type.Shape.Last} columns",
                $"set rotary_embedding_dim to {cosTable.Type.Shape.Last * 2}, or give the tables that belong to {rotated}");
        }
        if (rotated > 0 && cosTable.Type.Shape.Last.ConstantValue is { } columns && columns > rotated / 2)
        {
            if (n.Proto.Domain == ContribOperators.Microsoft)
            {
                // ONNX Runtime's kernel takes rows of rotary_embedding_dim / 2 numbers whatever the table is.
                throw ImportException.Invalid($"tables of {columns} columns for a rotation of {rotated} numbers are ambiguous", $"give tables of {rotated / 2} columns");
            }
            (cosTable, sinTable) = (Columns(n, cosTable, rotated / 2), Columns(n, sinTable, rotated / 2));
        }
        bool interleaved = n.Int("interleaved", 0) != 0;
        Heads result = n.Optional(positions) is null
            ? Rotate(n, heads, cosTable, sinTable, interleaved)
            : Rotate(n, heads, cosTable, sinTable, Positions(n, n.Value(positions), heads), interleaved);
        n.Return(x.Type.Rank == 3 ? result.Merge(n) : result.Tensor);
    }

    private static Value Columns(NodeContext n, Value table, long count) => n.SliceAxis(table, table.Type.Rank - 1, DimExpr.Zero, count);

    /// <summary>Positions [batch, length]; one number is that of the first token of every row.</summary>
    private static Value Positions(NodeContext n, Value positions, Heads x) => positions.Type.Rank <= 1
        ? n.Broadcast(n.Add(n.Integers(positions, 1, 1), n.Positions(x.Length, 2, 1)), [x.Batch, x.Length])
        : Fitting.Fit(n, positions, [x.Batch, x.Length], "the positions");
}
