using System.Globalization;
using System.Runtime.CompilerServices;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Manual;

/// <summary>An operand in the encoding of its instruction.</summary>
/// <param name="Offset">First byte in the 64 of the instruction.</param>
/// <param name="Bytes">Width.</param>
/// <param name="Kind">reg, dim, vector, …: explained once, with the header.</param>
/// <param name="Values">The legal values where the kind does not say them; otherwise empty.</param>
public sealed record OperandRow(int Offset, int Bytes, string Name, string Kind, string Values);

/// <summary>The manual's visitor: notes each operand it is asked for, and how the bytes before it add up.</summary>
internal readonly struct OperandTable() : IOperandVisitor
{
    private readonly List<OperandRow> _rows = [];

    public static IReadOnlyList<OperandRow> Of(InstructionKind kind)
    {
        var table = new OperandTable();
        kind.Read(ref table);
        return table._rows;
    }

    public Reg Reg(string name, Reg? value) => Note<Reg>(name, "reg", OperandLayout.Reg);

    public byte Byte(string name, byte? value) => Note<byte>(name, "byte", OperandLayout.Byte);

    public ushort UInt16(string name, ushort? value) => Note<ushort>(name, "u16", OperandLayout.UInt16);

    public Dim Dim(string name, Dim? value) => Note<Dim>(name, "dim", OperandLayout.Dim);

    public long Int64(string name, long? value) => Note<long>(name, "i64", OperandLayout.Int64);

    public int Offset(string name, int? value) => Note<int>(name, "count", OperandLayout.Offset);

    public float Float(string name, float? value) => Note<float>(name, "float", OperandLayout.Float);

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed) =>
        Note<ScratchAddress>(name, "scratch", OperandLayout.Scratch, string.Join(", ", allowed.ToArray().Select(s => Value((byte)s, ScratchAddress.SpaceName(s)))));

    public DramAddress Dram(string name, DramAddress? value) => Note<DramAddress>(name, "dram", OperandLayout.Dram);

    public VectorOperand Vector(string name, VectorOperand? value) => Note<VectorOperand>(name, "vector", OperandLayout.Vector);

    public ElementType Format(string name, ElementType? value) => Note<ElementType>(name, "format", OperandLayout.Format);

    public WeightFormat Weights(string name, WeightFormat? value) => Note<WeightFormat>(name, "weights", OperandLayout.Weights);

    public Engine Engine(string name, Engine? value) => Note<Engine>(name, "engine", OperandLayout.Engine);

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum =>
        Note<TEnum>(name, "choice", OperandLayout.Enum, string.Join(", ", System.Enum.GetValues<TEnum>().Select(e => Value(Unsafe.BitCast<TEnum, byte>(e), e.ToString()))));

    private static string Value(byte code, string name) => string.Create(CultureInfo.InvariantCulture, $"{code} {name}");

    private T Note<T>(string name, string kind, int bytes, string values = "") where T : struct
    {
        int offset = _rows.Count == 0 ? Instruction.HeaderSize : _rows[^1].Offset + _rows[^1].Bytes;
        _rows.Add(new(offset, bytes, name, kind, values));
        return default;
    }
}
