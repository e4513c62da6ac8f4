using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.InstructionEncoding;

/// <summary>
/// The 64 bytes back to instructions. Strict: every encoding that is accepted is the one the encoder writes, so unknown
/// opcodes, undefined operand values and non-zero reserved bits are refused.
/// </summary>
public static class InstructionDecoder
{
    /// <summary>Decodes the first 64 bytes of <paramref name="bytes"/>; false with the reason if they are no instruction.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out Instruction? instruction, [NotNullWhen(false)] out string? error)
    {
        instruction = null;
        if (bytes.Length < Instruction.Size)
        {
            error = $"an instruction takes {Instruction.Size} bytes, only {bytes.Length} are left";
            return false;
        }
        bytes = bytes[..Instruction.Size];
        if (InstructionSet.FindOpcode(bytes[OperandLayout.OpcodeOffset]) is not { } kind)
        {
            error = string.Create(CultureInfo.InvariantCulture, $"illegal opcode 0x{bytes[OperandLayout.OpcodeOffset]:x2}");
            return false;
        }
        error = ReadHeader(bytes, out ushort tag, out SemaphoreList acquires, out SemaphoreList releases);
        var reader = new OperandReader(bytes[Instruction.HeaderSize..]);
        Instruction decoded = kind.Read(ref reader) with { Tag = tag, Acquires = acquires, Releases = releases };
        error ??= reader.Error ?? (reader.RestIsZero ? null : "reserved bytes after the operands are not zero") ?? RefuseOtherSpelling(decoded, bytes);
        if (error is not null)
        {
            error = $"{kind.Info.Mnemonic}: {error}";
            return false;
        }
        instruction = decoded;
        return true;
    }

    /// <exception cref="DiagnosticException">TCC4101: the bytes are no instruction.</exception>
    public static Instruction Decode(ReadOnlySpan<byte> bytes) =>
        TryDecode(bytes, out Instruction? instruction, out string? error) ? instruction : throw new DiagnosticException(Diagnostic.Error("TCC4101", error));

    /// <summary>Decodes the program text of an entry point.</summary>
    /// <param name="location">Named in diagnostics, e.g. the file and entry point.</param>
    /// <exception cref="DiagnosticException">TCC4101: which instructions are illegal, at most the first ten.</exception>
    public static ImmutableArray<Instruction> DecodeAll(ReadOnlySpan<byte> text, string location)
    {
        var instructions = ImmutableArray.CreateBuilder<Instruction>(text.Length / Instruction.Size);
        var diagnostics = new DiagnosticList();
        for (int at = 0; at < text.Length && diagnostics.Count < 10; at += Instruction.Size)
        {
            if (TryDecode(text[at..], out Instruction? instruction, out string? error))
            {
                instructions.Add(instruction);
            }
            else
            {
                diagnostics.Add(Diagnostic.Error("TCC4101", error, string.Create(CultureInfo.InvariantCulture, $"{location}, instruction {at / Instruction.Size}, byte {at}")));
            }
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : instructions.ToImmutable();
    }

    private static string? ReadHeader(ReadOnlySpan<byte> bytes, out ushort tag, out SemaphoreList acquires, out SemaphoreList releases)
    {
        tag = BinaryPrimitives.ReadUInt16LittleEndian(bytes[OperandLayout.TagOffset..]);
        bool orderedAcquires = SemaphoreList.TryFromPacked(BinaryPrimitives.ReadUInt32LittleEndian(bytes[OperandLayout.AcquiresOffset..]), out acquires);
        bool orderedReleases = SemaphoreList.TryFromPacked(BinaryPrimitives.ReadUInt32LittleEndian(bytes[OperandLayout.ReleasesOffset..]), out releases);
        return bytes[OperandLayout.FlagsOffset] != 0 ? "reserved flags are not zero"
            : !orderedAcquires ? "an empty place precedes an acquired semaphore"
            : !orderedReleases ? "an empty place precedes a released semaphore"
            : null;
    }

    /// <summary>Records may normalise an operand (a byte used as a flag): then several encodings would mean the same.</summary>
    private static string? RefuseOtherSpelling(Instruction decoded, ReadOnlySpan<byte> bytes)
    {
        Span<byte> again = stackalloc byte[Instruction.Size];
        InstructionEncoder.Encode(decoded, again);
        int at = bytes.CommonPrefixLength(again);
        return at == Instruction.Size ? null : string.Create(CultureInfo.InvariantCulture, $"byte {at} is 0x{bytes[at]:x2}, where 0x{again[at]:x2} is the encoding of the same");
    }
}
