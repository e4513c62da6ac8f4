using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Isa;

/// <summary>Builds random legal instructions of every kind through the one declaration of their operands.</summary>
internal struct RandomOperands(int seed) : IOperandVisitor
{
    private readonly Random _random = new(seed);

    /// <summary>One instruction of each kind, with random header and operands.</summary>
    public static IEnumerable<Instruction> OneOfEachKind(int seed)
    {
        var visitor = new RandomOperands(seed);
        foreach (InstructionKind kind in InstructionSet.All)
        {
            yield return visitor.Next(kind);
        }
    }

    public Instruction Next(InstructionKind kind) => kind.Read(ref this) with
    {
        Tag = (ushort)(_random.Next(2) * _random.Next(ushort.MaxValue + 1)),
        Acquires = Semaphores(),
        Releases = Semaphores(),
    };

    public readonly Reg Reg(string name, Reg? value) => new((byte)_random.Next(TransformerCc.Isa.Operands.Reg.Count));

    public readonly byte Byte(string name, byte? value) => (byte)_random.Next(256);

    public readonly ushort UInt16(string name, ushort? value) => (ushort)_random.Next(ushort.MaxValue + 1);

    public readonly Dim Dim(string name, Dim? value) => _random.Next(2) == 0 ? Reg(name, null) : (int)Skewed(31);

    public readonly long Int64(string name, long? value) => _random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64);

    public readonly int Offset(string name, int? value) => (int)Skewed(31);

    public readonly float Float(string name, float? value) => BitConverter.UInt32BitsToSingle((uint)_random.NextInt64(1L << 32));

    public readonly ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed) =>
        new(allowed[_random.Next(allowed.Length)], (uint)Skewed(32), _random.Next(2) == 0 ? default : Reg(name, null));

    public readonly DramAddress Dram(string name, DramAddress? value) => new(Reg(name, null), Skewed(48));

    public readonly VectorOperand Vector(string name, VectorOperand? value) =>
        new(Scratch(name, null, MemorySpace.Asp, MemorySpace.Acc), Dim(name, null), Format(name, null), (byte)_random.Next(2));

    public readonly ElementType Format(string name, ElementType? value) => Enum<ElementType>(name, null);

    public readonly WeightFormat Weights(string name, WeightFormat? value) =>
        _random.Next(2) == 0 ? Format(name, null) : BlockFormat.All[_random.Next(BlockFormat.All.Count)];

    public readonly Engine Engine(string name, Engine? value) => Enum<Engine>(name, null);

    public readonly TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum
    {
        TEnum[] all = System.Enum.GetValues<TEnum>();
        return all[_random.Next(all.Length)];
    }

    /// <summary>0 to 2^bits − 1, small numbers as likely as large ones.</summary>
    private readonly long Skewed(int bits) => _random.NextInt64(1L << bits) >> _random.Next(bits);

    private readonly SemaphoreList Semaphores()
    {
        SemaphoreList list = default;
        for (int n = _random.Next(Instruction.MaxSemaphores + 1); n > 0; n--)
        {
            list = list.Add((byte)_random.Next(1, 256));
        }
        return list;
    }
}
