using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.InstructionEncoding;

/// <summary>The encoding visitor: appends each operand it is shown. Refuses what <see cref="OperandReader"/> would refuse.</summary>
internal ref struct OperandWriter(Span<byte> bytes, string mnemonic) : IOperandVisitor
{
    private Span<byte> _rest = bytes;

    public Reg Reg(string name, Reg? value)
    {
        Reg reg = value.GetValueOrDefault();
        Take(OperandLayout.Reg)[0] = Checked(name, reg);
        return reg;
    }

    public byte Byte(string name, byte? value) => Take(OperandLayout.Byte)[0] = value.GetValueOrDefault();

    public ushort UInt16(string name, ushort? value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Take(OperandLayout.UInt16), value.GetValueOrDefault());
        return value.GetValueOrDefault();
    }

    public Dim Dim(string name, Dim? value)
    {
        Dim dim = value.GetValueOrDefault();
        Require(Operands.Dim.TryFromBits(dim.Bits, out _), name, $"{dim} is not a dimension");
        BinaryPrimitives.WriteUInt32LittleEndian(Take(OperandLayout.Dim), dim.Bits);
        return dim;
    }

    public long Int64(string name, long? value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Take(OperandLayout.Int64), value.GetValueOrDefault());
        return value.GetValueOrDefault();
    }

    public int Offset(string name, int? value)
    {
        Require(value.GetValueOrDefault() >= 0, name, $"{value} is negative");
        BinaryPrimitives.WriteInt32LittleEndian(Take(OperandLayout.Offset), value.GetValueOrDefault());
        return value.GetValueOrDefault();
    }

    public float Float(string name, float? value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Take(OperandLayout.Float), BitConverter.SingleToUInt32Bits(value.GetValueOrDefault()));
        return value.GetValueOrDefault();
    }

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        ScratchAddress address = value.GetValueOrDefault();
        Require(allowed.Contains(address.Space), name, $"{address} lies in a memory this operand cannot address");
        Span<byte> b = Take(OperandLayout.Scratch);
        b[0] = (byte)address.Space;
        b[1] = Checked(name, address.Base);
        BinaryPrimitives.WriteUInt32LittleEndian(b[2..], address.Offset);
        return address;
    }

    public DramAddress Dram(string name, DramAddress? value)
    {
        DramAddress address = value.GetValueOrDefault();
        Require(address.Offset is >= 0 and <= DramAddress.MaxOffset, name, $"offset {address.Offset} does not fit 48 bits");
        Span<byte> b = Take(OperandLayout.Dram);
        b[0] = Checked(name, address.Base);
        BinaryPrimitives.WriteUInt32LittleEndian(b[1..], (uint)address.Offset);
        BinaryPrimitives.WriteUInt16LittleEndian(b[5..], (ushort)(address.Offset >> 32));
        return address;
    }

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        VectorOperand operand = value.GetValueOrDefault();
        Require(operand.Address.Space is MemorySpace.Asp or MemorySpace.Acc, name, $"{operand.Address} is neither in ASP nor in ACC");
        Require(operand.ColumnStride <= 1, name, $"column stride {operand.ColumnStride} is neither 0 nor 1");
        Require(System.Enum.IsDefined(operand.Format), name, $"{operand.Format} is not a format");
        Span<byte> b = Take(6);
        b[0] = (byte)((byte)operand.Address.Space | ((byte)operand.Format << OperandLayout.VectorFormatShift));
        b[1] = (byte)(Checked(name, operand.Address.Base) | (operand.ColumnStride == 0 ? 0 : OperandLayout.VectorColumnStrideBit));
        BinaryPrimitives.WriteUInt32LittleEndian(b[2..], operand.Address.Offset);
        Dim(name, operand.RowStride);
        return operand;
    }

    public ElementType Format(string name, ElementType? value) => Enum(name, value);

    public WeightFormat Weights(string name, WeightFormat? value)
    {
        WeightFormat format = value.GetValueOrDefault();
        Require(format.IsDefined, name, $"{format} is no format of weights");
        Take(OperandLayout.Weights)[0] = format.Code;
        return format;
    }

    public Engine Engine(string name, Engine? value) => Enum(name, value);

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum
    {
        TEnum e = value.GetValueOrDefault();
        Require(System.Enum.IsDefined(e), name, $"{e} is no {typeof(TEnum).Name}");
        Take(OperandLayout.Enum)[0] = Unsafe.BitCast<TEnum, byte>(e);
        return e;
    }

    private readonly byte Checked(string name, Reg reg)
    {
        Require(reg.Index < Operands.Reg.Count, name, $"there is no register {reg}");
        return reg.Index;
    }

    private readonly void Require(bool condition, string name, string reason)
    {
        if (!condition)
        {
            throw new ArgumentException($"{mnemonic}: operand {name}: {reason}");
        }
    }

    private Span<byte> Take(int count)
    {
        Span<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
