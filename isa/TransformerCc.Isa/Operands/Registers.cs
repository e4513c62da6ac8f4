namespace TransformerCc.Isa.Operands;

/// <summary>A 64-bit scalar register of the sequencer, S0 to S63. S0 always reads 0; writes to it are dropped.</summary>
public readonly record struct Reg(byte Index)
{
    public const int Count = 64;

    public static Reg Zero => default;

    public override string ToString() => $"s{Index}";
}

/// <summary>A dimension, count or stride: an immediate of 31 bits or a register, read when the instruction is dispatched.</summary>
public readonly record struct Dim
{
    public const long MaxImmediate = int.MaxValue;

    private Dim(uint bits) => Bits = bits;

    /// <summary>The 32 bits of the encoding: bit 31 set means register (index in the low bits), otherwise the immediate.</summary>
    public uint Bits { get; }

    public bool IsRegister => (Bits & 0x8000_0000) != 0;

    public Reg Register => new((byte)(Bits & 63));

    public int Immediate => (int)(Bits & 0x7fff_ffff);

    /// <summary>The value, with a register's taken from the file of them.</summary>
    public long Resolve(ReadOnlySpan<long> registers) => IsRegister ? registers[Register.Index] : Immediate;

    public static Dim Of(long immediate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(immediate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(immediate, MaxImmediate);
        return new((uint)immediate);
    }

    public static Dim Of(Reg register) => new(0x8000_0000 | register.Index);

    /// <summary>Checks the bits of an encoding: a register form may set no other bit than 31 and the index.</summary>
    public static bool TryFromBits(uint bits, out Dim dim)
    {
        dim = new Dim(bits);
        return (bits & 0x8000_0000) == 0 || (bits & 0x7fff_ffff) < Reg.Count;
    }

    public static implicit operator Dim(int immediate) => Of(immediate);

    public static implicit operator Dim(Reg register) => Of(register);

    public static Dim FromInt32(int immediate) => Of(immediate);

    public static Dim FromReg(Reg register) => Of(register);

    public override string ToString() => IsRegister ? Register.ToString() : Immediate.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
