using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Emulation;

/// <summary>How traps and findings show an instruction.</summary>
internal static class InstructionText
{
    public static string Of(Instruction instruction) => instruction.ToString();
}
