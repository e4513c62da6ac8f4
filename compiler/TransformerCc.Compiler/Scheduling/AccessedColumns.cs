using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// The columns of a buffer's rows that an operand stays in: of bytes from the buffer's start on, those whose remainder by
/// <paramref name="Pitch"/> lies in [<paramref name="First"/>, <paramref name="End"/>). Whatever its rows are, an operand that
/// stays in other columns of the same pitch has no byte in common with it: the next linear multiplies the first columns while
/// the last ones are on their way out of the accumulators.
/// </summary>
/// <param name="Pitch">Bytes from row to row; 0 where nothing is known.</param>
internal readonly record struct AccessedColumns(long Pitch, long First, long End)
{
    public bool AreApartFrom(AccessedColumns other) => Pitch > 0 && Pitch == other.Pitch && (End <= other.First || other.End <= First);

    /// <summary>The columns of an operand of a vector instruction, or of the rows and results of a product.</summary>
    public static AccessedColumns Of(TileStatement statement, NamedOperand operand) => operand.Value switch
    {
        VectorTile tile => Of(tile.Offset, tile.RowStride, Length(statement, "columns") * tile.Format.Size()),
        ScratchOperand a when statement.Kind.Info.Engine == Engine.Matrix && operand.Name == "a" && statement.Find("a_format") is FormatOperand { Format: { Block: null } format } =>
            Of(a.Offset, Value(statement, "a_row"), Length(statement, "k") * format.Element.Size()),
        ScratchOperand sum when statement.Kind.Info.Engine == Engine.Matrix && operand.Name == "result" => Of(sum.Offset, Value(statement, "result_row"), Length(statement, "n") * sizeof(float)),
        _ => default,
    };

    private static AccessedColumns Of(DimExpr offset, DimExpr? pitch, long? width) =>
        pitch?.ConstantValue is > 0 and { } bytes && width is { } columns && DimExpr.Mod(offset, bytes).ConstantValue is { } first && first + columns <= bytes
            ? new AccessedColumns(bytes, first, first + columns)
            : default;

    private static DimExpr? Value(TileStatement statement, string name) => (statement.Find(name) as DimOperand)?.Value;

    private static long? Length(TileStatement statement, string name) => Value(statement, name)?.ConstantValue;
}
