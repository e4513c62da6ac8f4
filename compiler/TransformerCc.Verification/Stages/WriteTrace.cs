using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Isolation;

namespace TransformerCc.Verification.Stages;

/// <summary>
/// What every instruction of the engines wrote, in program order: as hashes, to find the first that differs. Loads of weights
/// are not part of it, because scheduling moves them; what they bring shows where it is used.
/// </summary>
internal sealed class WriteTrace : IInstructionObserver
{
    /// <summary>Entries that are kept; two traces are compared as far as they go.</summary>
    private const int MaxEntries = 1 << 23;

    private readonly List<(ushort Tag, byte Opcode, ulong Hash)> _entries = [];

    public void Executed(Instruction instruction, WrittenBytes written)
    {
        if (instruction is not LoadWeights && _entries.Count < MaxEntries)
        {
            _entries.Add((instruction.Tag, instruction.Information.Opcode, written.Hash()));
        }
    }

    /// <summary>The tag and the name of the first instruction that writes something else; null when there is none.</summary>
    public static (ushort Tag, string Mnemonic)? FirstDifference(WriteTrace before, WriteTrace after)
    {
        for (int i = 0; i < int.Min(before._entries.Count, after._entries.Count); i++)
        {
            if (before._entries[i] != after._entries[i])
            {
                return (after._entries[i].Tag, InstructionSet.FindOpcode(after._entries[i].Opcode)!.Info.Mnemonic);
            }
        }
        return null;
    }
}
