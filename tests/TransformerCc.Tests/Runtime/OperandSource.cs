using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Runtime;

/// <summary>Random operands that satisfy the machine's rules: aligned, in bounds, each in its own quarter of ASP or in ACC.</summary>
internal sealed class OperandSource(int seed)
{
    private const int Slot = KernelHarness.ScratchBytes / 4;

    private readonly Random _random = new(seed);

    public int Rows { get; set; }

    public int Columns { get; set; }

    public bool Flip => _random.Next(2) == 0;

    public int Next(int low, int high) => _random.Next(low, high);

    public T Pick<T>(IReadOnlyList<T> values) => values[_random.Next(values.Count)];

    public void Shuffle(int[] values) => _random.Shuffle(values);

    public ScratchAddress Place(int slot) => new(MemorySpace.Asp, (uint)((slot * Slot) + (64 * _random.Next(4))));

    /// <summary>A destination in slot 0, at times in ACC, at times one element a row.</summary>
    public VectorOperand Target(IReadOnlyList<ElementType> formats, bool single = true) => Operand(0, formats, repeats: false, single && _random.Next(6) == 0);

    /// <summary>A source in a slot; at times a repeated row or element.</summary>
    public VectorOperand Source(int slot, IReadOnlyList<ElementType> formats) => Operand(slot, formats, repeats: true, _random.Next(6) == 0);

    private VectorOperand Operand(int slot, IReadOnlyList<ElementType> formats, bool repeats, bool single)
    {
        ElementType format = Pick(formats);
        bool acc = _random.Next(4) == 0;
        int unit = acc ? 512 : 64;
        int offset = (slot * Slot) + (unit * _random.Next(4)) + (single ? format.Size() * _random.Next(5) : 0);
        int stride = repeats && _random.Next(4) == 0 ? 0
            : single ? format.Size() * _random.Next(1, 40)
            : unit * (((Columns * format.Size()) / unit) + 1 + _random.Next(3));
        return new VectorOperand(new(acc ? MemorySpace.Acc : MemorySpace.Asp, (uint)offset), stride, format, (byte)(single ? 0 : 1));
    }
}
