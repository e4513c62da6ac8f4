using System.Runtime.InteropServices;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// The scratchpads of a machine. They start as zeros; a correct program never sees that. One after the other, runs use the
/// same: the allocator would touch every page of tens of megabytes for each token that a language model writes.
/// </summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private const int Line = 64;

    private readonly void*[] _allocated = new void*[3];
    private readonly byte*[] _start = new byte*[3];
    private readonly long[] _size = new long[3];

    public ScratchMemory(MemoryDescription memory)
    {
        _size[(int)MemorySpace.Asp] = memory.AspBytes;
        _size[(int)MemorySpace.Acc] = memory.AccBytes;
        _size[(int)MemorySpace.Wsp] = memory.WspBytes;
        for (int i = 0; i < 3; i++)
        {
            _allocated[i] = NativeMemory.AllocZeroed((nuint)_size[i] + Line);
            _start[i] = (byte*)(((nuint)_allocated[i] + Line - 1) & ~(nuint)(Line - 1));
        }
    }

    ~ScratchMemory() => Free();

    /// <summary>Bytes of a scratchpad.</summary>
    public long Size(MemorySpace space) => _size[(int)space];

    public byte* Start(MemorySpace space) => _start[(int)space];

    /// <summary>Zeros again.</summary>
    /// <param name="used">Bytes from the start that may be anything else.</param>
    public void Clear(MemorySpace space, long used) => NativeMemory.Clear(_start[(int)space], (nuint)used);

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
