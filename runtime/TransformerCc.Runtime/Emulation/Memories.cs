using System.Runtime.InteropServices;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>The scratchpads and DRAM of one run. Scratchpads start as zeros; a correct program never sees that.</summary>
internal sealed unsafe class Memories : IDisposable
{
    private const int Line = 64;

    private readonly void*[] _allocated = new void*[3];
    private readonly byte*[] _scratch = new byte*[3];
    private readonly long[] _size = new long[3];

    public Memories(MemoryDescription memory, DramMap dram)
    {
        Dram = dram;
        _size[(int)MemorySpace.Asp] = memory.AspBytes;
        _size[(int)MemorySpace.Acc] = memory.AccBytes;
        _size[(int)MemorySpace.Wsp] = memory.WspBytes;
        for (int i = 0; i < 3; i++)
        {
            // Zeroed by the allocator, which hands out untouched pages: a small program pays for what it uses.
            _allocated[i] = NativeMemory.AllocZeroed((nuint)_size[i] + Line);
            _scratch[i] = (byte*)(((nuint)_allocated[i] + Line - 1) & ~(nuint)(Line - 1));
        }
    }

    ~Memories() => Free();

    public DramMap Dram { get; }

    /// <summary>Bytes of a scratchpad.</summary>
    public long Size(MemorySpace space) => _size[(int)space];

    /// <summary>Host address of a byte whose access was already checked.</summary>
    public byte* Resolve(MemorySpace space, long address)
    {
        if (space != MemorySpace.Dram)
        {
            return _scratch[(int)space] + address;
        }
        DramSegment segment = Dram.Find(address) ?? throw new TrapSignal(TrapKind.OutOfSpace, FormattableString.Invariant($"DRAM address 0x{address:x} lies in no segment"));
        return segment.Memory + (address - segment.Base);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        for (int i = 0; i < 3; i++)
        {
            NativeMemory.Free(_allocated[i]);
            _allocated[i] = null;
        }
    }
}
