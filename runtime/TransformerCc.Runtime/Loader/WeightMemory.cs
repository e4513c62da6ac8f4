using System.Runtime.InteropServices;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Loader;

/// <summary>The weight section in host memory: an alias of the mapped file, or a copy for an image that was never written.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    private byte* _owned;

    private WeightMemory(byte* memory, long length, bool owned)
    {
        Memory = memory;
        Length = length;
        _owned = owned ? memory : null;
    }

    ~WeightMemory() => Free();

    public byte* Memory { get; private set; }

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
        NativeMemory.AlignedFree(_owned);
        _owned = null;
        Memory = null;
    }
}
