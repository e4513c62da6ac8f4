using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Isolation;

/// <summary>A run of memory that shares its bytes with nothing, and knows which of them hold anything.</summary>
public sealed class MemoryBlock
{
    private const int Line = 64;

    private readonly byte[] _memory;
    private readonly int _start;
    private readonly byte[] _written;

    internal unsafe MemoryBlock(string name, long address, int length)
    {
        (Name, Address, Length) = (name, address, length);
        _memory = GC.AllocateArray<byte>(checked(length + Line), pinned: true);
        nint at = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _start = (int)(((at + Line - 1) & ~(nint)(Line - 1)) - at);
        _written = new byte[length];
    }

    public string Name { get; }

    /// <summary>Where instructions find it.</summary>
    public long Address { get; }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    public Span<byte> Bytes => _memory.AsSpan(_start, Length);

    /// <summary>Nothing that was written counts any more.</summary>
    public void Forget() => _written.AsSpan().Clear();

    public void MarkWritten(int offset, int count) => _written.AsSpan(offset, count).Fill(1);

    /// <summary>The first byte of a range that holds nothing; null when all do.</summary>
    public int? FirstUnwritten(int offset, int count) => _written.AsSpan(offset, count).IndexOf((byte)0) is >= 0 and var i ? offset + i : null;
}

/// <summary>
/// Memory in which every block lies alone, a tebibyte from the next: what the memories of a chip would be if they were endless.
/// The spaces of instructions are all the same here.
/// </summary>
public sealed class IsolatedMemory : IHostMemory
{
    private const int Shift = 40;

    private readonly List<MemoryBlock> _blocks = [];

    public MemoryBlock Add(string name, long bytes)
    {
        // In the middle of its tebibyte, so that what lies a little before it is nothing too.
        var block = new MemoryBlock(name, ((long)_blocks.Count << Shift) + (1L << (Shift - 1)), checked((int)bytes));
        _blocks.Add(block);
        return block;
    }

    /// <summary>The block whose tebibyte an address lies in.</summary>
    public MemoryBlock? Find(long address) => address >> Shift is >= 0 and var i && i < _blocks.Count ? _blocks[(int)i] : null;

    unsafe byte* IHostMemory.Resolve(MemorySpace space, long address)
    {
        MemoryBlock block = Find(address)!;
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(block.Bytes)) + (address - block.Address);
    }
}
