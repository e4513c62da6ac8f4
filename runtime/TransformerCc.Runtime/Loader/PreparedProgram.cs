using System.Collections.Immutable;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Loader;

/// <summary>An instruction with what the machine asks of it every time, found once.</summary>
/// <param name="DimRegisters">Registers that hold counts or strides of an engine's instruction.</param>
internal readonly record struct PreparedInstruction(Instruction Instruction, byte Opcode, Engine Engine, byte[] DimRegisters)
{
    public static PreparedInstruction Of(Instruction instruction)
    {
        var visitor = new OperandCollector();
        if (instruction.Engine != Engine.Sequencer)
        {
            instruction.Visit(ref visitor);
        }
        return new(instruction, instruction.Information.Opcode, instruction.Engine, [.. visitor.DimRegisters.Distinct()]);
    }
}

/// <summary>An entry point that passed the structural checks.</summary>
internal sealed class PreparedProgram(string name, ImmutableArray<Instruction> instructions, ImmutableArray<DebugEntry> debug)
{
    public string Name => name;

    public PreparedInstruction[] Code { get; } = [.. instructions.Select(PreparedInstruction.Of)];

    public DebugEntry? DebugOf(Instruction instruction) => instruction.Tag != 0 && instruction.Tag < debug.Length ? debug[instruction.Tag] : null;
}

/// <summary>Collects the registers that stand for dimensions, and the places in scratchpads.</summary>
internal readonly struct OperandCollector() : IOperandVisitor
{
    public List<byte> DimRegisters { get; } = [];

    public List<ScratchAddress> Addresses { get; } = [];

    public Dim Dim(string name, Dim? value)
    {
        Dim d = value.GetValueOrDefault();
        if (d.IsRegister)
        {
            DimRegisters.Add(d.Register.Index);
        }
        return d;
    }

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        VectorOperand o = value.GetValueOrDefault();
        Scratch(name, o.Address);
        Dim(name, o.RowStride);
        return o;
    }

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        ScratchAddress a = value.GetValueOrDefault();
        Addresses.Add(a);
        return a;
    }

    public Reg Reg(string name, Reg? value) => value.GetValueOrDefault();
    public byte Byte(string name, byte? value) => value.GetValueOrDefault();
    public ushort UInt16(string name, ushort? value) => value.GetValueOrDefault();
    public long Int64(string name, long? value) => value.GetValueOrDefault();
    public int Offset(string name, int? value) => value.GetValueOrDefault();
    public float Float(string name, float? value) => value.GetValueOrDefault();
    public DramAddress Dram(string name, DramAddress? value) => value.GetValueOrDefault();
    public ElementType Format(string name, ElementType? value) => value.GetValueOrDefault();
    public WeightFormat Weights(string name, WeightFormat? value) => value.GetValueOrDefault();
    public Engine Engine(string name, Engine? value) => value.GetValueOrDefault();
    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => value.GetValueOrDefault();
}
