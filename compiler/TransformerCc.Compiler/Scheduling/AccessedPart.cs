using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// The part of a buffer that an operand stays in: of bytes from the buffer's start on, those whose remainder by
/// <paramref name="Pitch"/> lies in [<paramref name="First"/>, <paramref name="End"/>) and whose quotient, the row, lies in
/// [<paramref name="FirstRow"/>, <paramref name="EndRow"/>). An operand that stays in other columns or rows of the same pitch has no
/// byte in common with it: the next linear multiplies the first columns, or the first rows, while the last ones are on their way
/// out of the accumulators.
/// </summary>
/// <param name="Pitch">Bytes from row to row; 0 where nothing is known.</param>
internal readonly record struct AccessedPart(long Pitch, long First, long End, long FirstRow, long EndRow)
{
    public bool IsApartFrom(AccessedPart other) =>
        Pitch > 0 && Pitch == other.Pitch && (End <= other.First || other.End <= First || EndRow <= other.FirstRow || other.EndRow <= FirstRow);

    /// <summary>The part of an operand of a vector instruction, or of the rows and results of a product.</summary>
    public static AccessedPart Of(TileStatement statement, NamedOperand operand) => operand.Value switch
    {
        VectorTile tile => Of(statement, tile.Offset, tile.RowStride, Length(statement, "columns") * tile.Format.Size()),
        ScratchOperand a when statement.Kind.Info.Engine == Engine.Matrix && operand.Name == "a" && statement.Find("a_format") is FormatOperand { Format: { Block: null } format } =>
            Of(statement, a.Offset, Value(statement, "a_row"), Length(statement, "k") * format.Element.Size()),
        ScratchOperand sum when statement.Kind.Info.Engine == Engine.Matrix && operand.Name == "result" => Of(statement, sum.Offset, Value(statement, "result_row"), Length(statement, "n") * sizeof(float)),
        _ => default,
    };

    private static AccessedPart Of(TileStatement statement, DimExpr offset, DimExpr? pitch, long? width)
    {
        if (pitch?.ConstantValue is not { } bytes || bytes <= 0 || width is not { } columns || DimExpr.Mod(offset, bytes).ConstantValue is not { } first || first + columns > bytes)
        {
            return default;
        }
        (long firstRow, long endRow) = statement.MostRows > 0 && offset.ConstantValue is { } place ? (place / bytes, (place / bytes) + statement.MostRows) : (0, long.MaxValue);
        return new AccessedPart(bytes, first, first + columns, firstRow, endRow);
    }

    private static DimExpr? Value(TileStatement statement, string name) => (statement.Find(name) as DimOperand)?.Value;

    private static long? Length(TileStatement statement, string name) => Value(statement, name)?.ConstantValue;
}
