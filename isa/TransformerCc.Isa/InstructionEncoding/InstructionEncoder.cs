using System.Buffers.Binary;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.InstructionEncoding;

/// <summary>Instructions to their 64 bytes.</summary>
public static class InstructionEncoder
{
    /// <summary>Writes the encoding of <paramref name="instruction"/> to the first 64 bytes of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentException">An operand has a value no encoding exists for, such as register 64.</exception>
    public static void Encode(Instruction instruction, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        Span<byte> bytes = destination[..Instruction.Size];
        bytes.Clear();
        bytes[OperandLayout.OpcodeOffset] = instruction.Information.Opcode;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[OperandLayout.TagOffset..], instruction.Tag);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[OperandLayout.AcquiresOffset..], instruction.Acquires.Packed);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[OperandLayout.ReleasesOffset..], instruction.Releases.Packed);
        var writer = new OperandWriter(bytes[Instruction.HeaderSize..], instruction.Information.Mnemonic);
        instruction.Visit(ref writer);
    }

    /// <summary>The program text of an entry point: 64 bytes for each instruction.</summary>
    public static byte[] EncodeAll(IReadOnlyList<Instruction> instructions)
    {
        ArgumentNullException.ThrowIfNull(instructions);
        byte[] text = new byte[checked(instructions.Count * Instruction.Size)];
        for (int i = 0; i < instructions.Count; i++)
        {
            Encode(instructions[i], text.AsSpan(i * Instruction.Size, Instruction.Size));
        }
        return text;
    }
}
