using System.Globalization;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>An operand of a tile statement: what an instruction's operand is before addresses and registers are known.</summary>
public abstract record TileOperand;

/// <summary>A place in a buffer, bytes from its start.</summary>
public sealed record ScratchOperand(TileBuffer Buffer, DimExpr Offset) : TileOperand
{
    public override string ToString() => Offset.Is(0) ? $"{Buffer}" : $"{Buffer}[{Offset}]";
}

/// <summary>A tile that the vector engine walks. Strides in bytes; a column stride of 0 repeats one element.</summary>
public sealed record VectorTile(TileBuffer Buffer, DimExpr Offset, DimExpr RowStride, ElementType Format, byte ColumnStride = 1) : TileOperand
{
    /// <summary>The tile from a column on.</summary>
    public VectorTile From(DimExpr column) => this with { Offset = Offset + (column * Format.Size()) };

    public override string ToString() =>
        $"{new ScratchOperand(Buffer, Offset)}:{Format.Name()}:row={RowStride}{(ColumnStride == 0 ? ":col=0" : "")}";
}

/// <summary>Parts of a tensor that have no byte in common, whatever their bounds are at run time.</summary>
public enum DramPart
{
    All,
    /// <summary>What a cache held before the run.</summary>
    Before,
    /// <summary>What the run adds to it.</summary>
    Added,
}

/// <summary>A place in a DRAM tensor, bytes from its start.</summary>
/// <param name="Part">Where in the tensor the statement stays.</param>
public sealed record DramOperand(DramTensor Tensor, DimExpr Offset, DramPart Part = DramPart.All) : TileOperand
{
    public override string ToString() => Offset.Is(0) ? $"{Tensor}" : $"{Tensor}[{Offset}]";
}

/// <summary>A panel of the weight stream, or one of the same cut that lies <paramref name="Shift"/> bytes behind it.</summary>
public sealed record PanelOperand(WeightPanel Panel, DimExpr Shift) : TileOperand
{
    public override string ToString() => Shift.Is(0) ? Panel.ToString() : $"{Panel}[{Shift}]";
}

/// <summary>A length, count, stride or register value.</summary>
public sealed record DimOperand(DimExpr Value) : TileOperand
{
    public override string ToString() => Value.ToString();
}

/// <summary>A name for the value that a statement puts into a register, for the rest of the block.</summary>
/// <param name="Interval">
/// Where the value lies as far as sizes are planned. Nothing enforces it: what decides the value is checked before the
/// run, and accesses are checked by the memories.
/// </param>
public sealed record DefinitionOperand(string Name, DimInterval Interval) : TileOperand
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} in {Interval.Lower}..{Interval.Upper}");
}

/// <summary>A format of elements, or of weights in blocks.</summary>
public sealed record FormatOperand(WeightFormat Format) : TileOperand
{
    public override string ToString() => Format.Name;
}

public sealed record FloatOperand(float Value) : TileOperand
{
    public override string ToString() => Value.ToString("R", CultureInfo.InvariantCulture);
}

/// <summary>A small number encoded in the instruction: a flag, a count of arrays, a head width.</summary>
public sealed record NumberOperand(long Value) : TileOperand
{
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A choice, held as the enumeration's number and name.</summary>
public sealed record ChoiceOperand(long Value, string Text) : TileOperand
{
    public static ChoiceOperand Of<TEnum>(TEnum value) where TEnum : struct, Enum => new(Convert.ToInt64(value, CultureInfo.InvariantCulture), value.ToString());

    public override string ToString() => Text;
}

public sealed record EngineOperand(Engine Engine) : TileOperand
{
    public override string ToString() => Engine.Name();
}
