using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.TileEvaluation;

/// <summary>
/// Builds the instruction of a tile statement for one execution of it: every expression is a number by now, and lies in a
/// register of its own. Nothing of how a binary finds addresses is used.
/// </summary>
internal ref struct TileOperandReader(TileStatement statement, TileMemory memory, Span<long> registers) : IOperandVisitor
{
    private readonly Span<long> _registers = registers;
    private byte _last;

    public Reg Reg(string name, Reg? value) => Put(memory.Value(Get<DimOperand>(name).Value));

    public readonly byte Byte(string name, byte? value) => checked((byte)Get<NumberOperand>(name).Value);

    public readonly ushort UInt16(string name, ushort? value) => checked((ushort)Get<NumberOperand>(name).Value);

    public Dim Dim(string name, Dim? value) => Put(memory.Value(Get<DimOperand>(name).Value));

    public readonly long Int64(string name, long? value) => Get<NumberOperand>(name).Value;

    public readonly int Offset(string name, int? value) => checked((int)Get<NumberOperand>(name).Value);

    public readonly float Float(string name, float? value) => Get<FloatOperand>(name).Value;

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        ScratchOperand operand = Get<ScratchOperand>(name);
        return new ScratchAddress(operand.Buffer.Space, 0, Put(memory.Address(operand.Buffer, operand.Offset)));
    }

    public DramAddress Dram(string name, DramAddress? value) => new(Put(memory.Address(Get<DramOperand>(name))));

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        VectorTile tile = Get<VectorTile>(name);
        var address = new ScratchAddress(tile.Buffer.Space, 0, Put(memory.Address(tile.Buffer, tile.Offset)));
        return new VectorOperand(address, Put(memory.Value(tile.RowStride)), tile.Format, tile.ColumnStride);
    }

    public readonly ElementType Format(string name, ElementType? value) => Get<FormatOperand>(name).Format.Element;

    public readonly WeightFormat Weights(string name, WeightFormat? value) => Get<FormatOperand>(name).Format;

    public readonly Engine Engine(string name, Engine? value) => Get<EngineOperand>(name).Engine;

    public readonly TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => System.Enum.Parse<TEnum>(Get<ChoiceOperand>(name).Text);

    private Reg Put(long value)
    {
        _registers[++_last] = value;
        return new Reg(_last);
    }

    private readonly T Get<T>(string name) where T : TileOperand =>
        statement.Find(name) as T ?? throw new InvalidOperationException($"tile statement {statement.Kind.Info.Mnemonic} lacks operand {name} of the kind its instruction declares");
}
