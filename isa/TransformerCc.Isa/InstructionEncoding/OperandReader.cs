using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.InstructionEncoding;

/// <summary>The decoding visitor: reads each operand it is asked for and keeps the first error; after one, values are defaults.</summary>
internal ref struct OperandReader(ReadOnlySpan<byte> bytes) : IOperandVisitor
{
    private ReadOnlySpan<byte> _rest = bytes;

    public string? Error { get; private set; }

    public readonly bool RestIsZero => _rest.IndexOfAnyExcept((byte)0) < 0;

    public Reg Reg(string name, Reg? value) => ToReg(name, Take(OperandLayout.Reg)[0]);

    public byte Byte(string name, byte? value) => Take(OperandLayout.Byte)[0];

    public ushort UInt16(string name, ushort? value) => BinaryPrimitives.ReadUInt16LittleEndian(Take(OperandLayout.UInt16));

    public Dim Dim(string name, Dim? value)
    {
        uint bits = BinaryPrimitives.ReadUInt32LittleEndian(Take(OperandLayout.Dim));
        return Operands.Dim.TryFromBits(bits, out Dim dim) ? dim : Refuse<Dim>(name, string.Create(CultureInfo.InvariantCulture, $"0x{bits:x8} is neither an immediate nor a register"));
    }

    public long Int64(string name, long? value) => BinaryPrimitives.ReadInt64LittleEndian(Take(OperandLayout.Int64));

    public int Offset(string name, int? value)
    {
        int offset = BinaryPrimitives.ReadInt32LittleEndian(Take(OperandLayout.Offset));
        return offset >= 0 ? offset : Refuse<int>(name, string.Create(CultureInfo.InvariantCulture, $"{offset} is negative"));
    }

    public float Float(string name, float? value) => BitConverter.UInt32BitsToSingle(BinaryPrimitives.ReadUInt32LittleEndian(Take(OperandLayout.Float)));

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        ReadOnlySpan<byte> b = Take(OperandLayout.Scratch);
        var space = (MemorySpace)b[0];
        return allowed.Contains(space)
            ? new(space, BinaryPrimitives.ReadUInt32LittleEndian(b[2..]), ToReg(name, b[1]))
            : Refuse<ScratchAddress>(name, string.Create(CultureInfo.InvariantCulture, $"memory {b[0]} cannot be addressed by this operand"));
    }

    public DramAddress Dram(string name, DramAddress? value)
    {
        ReadOnlySpan<byte> b = Take(OperandLayout.Dram);
        return new(ToReg(name, b[0]), BinaryPrimitives.ReadUInt32LittleEndian(b[1..]) | ((long)BinaryPrimitives.ReadUInt16LittleEndian(b[5..]) << 32));
    }

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        ReadOnlySpan<byte> b = Take(6);
        var space = (MemorySpace)(b[0] & OperandLayout.VectorSpaceMask);
        if (space is not (MemorySpace.Asp or MemorySpace.Acc))
        {
            Refuse<MemorySpace>(name, "the vector engine reaches ASP and ACC only");
        }
        ElementType format = Defined<ElementType>(name, (byte)(b[0] >> OperandLayout.VectorFormatShift));
        byte columnStride = (byte)((b[1] & OperandLayout.VectorColumnStrideBit) == 0 ? 0 : 1);
        Reg register = ToReg(name, (byte)(b[1] & ~OperandLayout.VectorColumnStrideBit));
        return new(new(space, BinaryPrimitives.ReadUInt32LittleEndian(b[2..]), register), Dim(name, null), format, columnStride);
    }

    public ElementType Format(string name, ElementType? value) => Enum(name, value);

    public WeightFormat Weights(string name, WeightFormat? value)
    {
        var format = new WeightFormat(Take(OperandLayout.Weights)[0]);
        return format.IsDefined ? format : Refuse<WeightFormat>(name, string.Create(CultureInfo.InvariantCulture, $"{format.Code} is no format of weights"));
    }

    public Engine Engine(string name, Engine? value) => Enum(name, value);

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => Defined<TEnum>(name, Take(OperandLayout.Enum)[0]);

    private TEnum Defined<TEnum>(string name, byte code) where TEnum : struct, Enum
    {
        TEnum e = Unsafe.BitCast<byte, TEnum>(code);
        return System.Enum.IsDefined(e) ? e : Refuse<TEnum>(name, string.Create(CultureInfo.InvariantCulture, $"{code} is no {typeof(TEnum).Name}"));
    }

    private Reg ToReg(string name, byte index) =>
        index < Operands.Reg.Count ? new(index) : Refuse<Reg>(name, string.Create(CultureInfo.InvariantCulture, $"there is no register {index}"));

    private T Refuse<T>(string name, string reason) where T : struct
    {
        Error ??= $"operand {name}: {reason}";
        return default;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
