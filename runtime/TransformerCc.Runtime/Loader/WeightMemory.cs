using System.Runtime.InteropServices;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Loader;

/// <summary>The weight section in host memory: an alias of the mapped file, or a copy for an image that was never written.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    private readonly bool _owned;
    private byte* _memory;

    private WeightMemory(byte* memory, long length, bool owned)
    {
        _memory = memory;
        Length = length;
        _owned = owned;
    }

    ~WeightMemory() => Free();

    /// <exception cref="ObjectDisposedException">The program was disposed.</exception>
    public byte* Memory => _memory is not null ? _memory : throw new ObjectDisposedException(nameof(LoadedProgram));

    public long Length { get; }

    /// <summary>A mapped section must stay open as long as this is used.</summary>
    public static WeightMemory Of(WeightSection section)
    {
        if (section is MappedWeightSection mapped)
        {
            return new WeightMemory(mapped.Pointer, mapped.Length, owned: false);
        }
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)long.Max(section.Length, 1), 64);
        var weights = new WeightMemory(memory, section.Length, owned: true);
        using var stream = new UnmanagedMemoryStream(memory, section.Length, section.Length, FileAccess.Write);
        section.WriteTo(stream);
        return weights;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_owned)
        {
            NativeMemory.AlignedFree(_memory);
        }
        _memory = null;
    }
}
