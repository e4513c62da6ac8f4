using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.InstructionEncoding;

/// <summary>
/// The layout of the 64 bytes, all little-endian: opcode 1, flags 1 (zero), source tag 2, acquires 4, releases 4, then the
/// operands packed in the order of their declaration without padding; bytes left over are zero.
/// </summary>
public static class OperandLayout
{
    public const int OpcodeOffset = 0;
    public const int FlagsOffset = 1;
    public const int TagOffset = 2;
    public const int AcquiresOffset = 4;
    public const int ReleasesOffset = 8;

    /// <summary>Bytes an instruction's operands may take together.</summary>
    public const int OperandBytes = Instruction.Size - Instruction.HeaderSize;

    public const int Reg = 1;
    public const int Byte = 1;
    public const int UInt16 = 2;

    /// <summary>Bit 31 set: register index in the low bits, all others zero; otherwise an immediate.</summary>
    public const int Dim = 4;

    public const int Int64 = 8;

    /// <summary>A count of instructions, never negative.</summary>
    public const int Offset = 4;

    /// <summary>The bits of an IEEE binary32.</summary>
    public const int Float = 4;

    /// <summary>Space 1, register 1, offset 4.</summary>
    public const int Scratch = 6;

    /// <summary>Register 1, offset 6.</summary>
    public const int Dram = 7;

    /// <summary>
    /// Space (bits 0–1) and format (bits 2–7) 1, register (bits 0–5) and column stride (bit 6) 1, offset 4, row stride 4.
    /// </summary>
    public const int Vector = 10;

    public const int Format = 1;

    /// <summary>The code of an element format, or of a block format from 64 on.</summary>
    public const int Weights = 1;

    public const int Enum = 1;
    public const int Engine = 1;

    internal const int VectorFormatShift = 2;
    internal const int VectorSpaceMask = 3;
    internal const int VectorColumnStrideBit = 0x40;
}
