using System.Globalization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Operands;

/// <summary>The memories that instructions address.</summary>
public enum MemorySpace : byte
{
    /// <summary>Activation scratchpad.</summary>
    Asp = 0,
    /// <summary>Accumulators: fp32 or int32, rows of 128 lanes (512 bytes).</summary>
    Acc = 1,
    /// <summary>Weight scratchpad.</summary>
    Wsp = 2,
    Dram = 3,
}

/// <summary>
/// A place in a scratchpad: register + byte offset in a space. Text: <c>asp[0x40]</c>, <c>wsp[s3+0x1000]</c>.
/// Encoded in 6 bytes: space, register, 32-bit offset.
/// </summary>
public readonly record struct ScratchAddress(MemorySpace Space, uint Offset, Reg Base = default)
{
    public override string ToString() => $"{SpaceName(Space)}[{AddressText.Of(Base, Offset)}]";

    internal static string SpaceName(MemorySpace space) => space switch { MemorySpace.Asp => "asp", MemorySpace.Acc => "acc", MemorySpace.Wsp => "wsp", _ => "dram" };
}

/// <summary>A place in DRAM: register + byte offset of 48 bits. Text: <c>dram[s4+0x40]</c>.</summary>
public readonly record struct DramAddress(Reg Base, long Offset = 0)
{
    public const long MaxOffset = (1L << 48) - 1;

    public override string ToString() => $"dram[{AddressText.Of(Base, (ulong)Offset)}]";
}

/// <summary>
/// A matrix operand of the vector engine: element (r, c) lies at address + r·RowStride + c·ColumnStride·size(Format).
/// A row stride of 0 repeats one row; a column stride of 0 repeats one element along each row. The address and row
/// stride are multiples of a line (64 bytes; 512 in ACC) unless the column stride is 0, where element alignment is enough.
/// Encoded in 10 bytes. Text: <c>asp[0x40]:f32:row=256</c>, and <c>:col=0</c> for a column stride of 0.
/// </summary>
public readonly record struct VectorOperand(ScratchAddress Address, Dim RowStride, ElementType Format, byte ColumnStride = 1)
{
    public override string ToString() => $"{Address}:{Format.Name()}:row={RowStride}{(ColumnStride == 0 ? ":col=0" : "")}";
}

internal static class AddressText
{
    public static string Of(Reg register, ulong offset) => (register.Index, offset) switch
    {
        (0, _) => Hex(offset),
        (_, 0) => register.ToString(),
        _ => $"{register}+{Hex(offset)}",
    };

    private static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}
