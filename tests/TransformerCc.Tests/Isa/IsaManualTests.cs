using System.Text.Json;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Manual;
using Xunit;

namespace TransformerCc.Tests.Isa;

public sealed class IsaManualTests
{
    /// <summary>The frozen encoding: a change here is a new version of the binary format.</summary>
    [Fact]
    public void The_manual_is_unchanged() => Snapshot.Match(IsaManual.ToMarkdown());

    [Fact]
    public void The_documented_widths_are_those_of_the_encoder()
    {
        using JsonDocument manual = JsonDocument.Parse(IsaManual.ToJson());
        foreach (JsonElement documented in manual.RootElement.GetProperty("instructions").EnumerateArray())
        {
            InstructionKind kind = InstructionSet.FindOpcode(documented.GetProperty("opcode").GetByte())!;
            int end = Instruction.HeaderSize;
            foreach (JsonElement operand in documented.GetProperty("operands").EnumerateArray())
            {
                Assert.Equal(end, operand.GetProperty("byte").GetInt32());
                end += operand.GetProperty("bytes").GetInt32();
            }
            Assert.InRange(end, Instruction.HeaderSize, Instruction.Size);
            Assert.Equal(end, LastByteUsed(kind) + 1);
        }
        Assert.Equal(InstructionSet.All.Count, manual.RootElement.GetProperty("instructions").GetArrayLength());
    }

    /// <summary>The last byte that any of many random instances sets.</summary>
    private static int LastByteUsed(InstructionKind kind)
    {
        var random = new RandomOperands(1);
        byte[] bytes = new byte[Instruction.Size];
        int last = Instruction.HeaderSize - 1;
        for (int n = 0; n < 200; n++)
        {
            InstructionEncoder.Encode(random.Next(kind), bytes);
            last = int.Max(last, Array.FindLastIndex(bytes, b => b != 0));
        }
        return last;
    }
}
