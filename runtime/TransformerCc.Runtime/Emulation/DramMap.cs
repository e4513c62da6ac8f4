using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// One region of emulated DRAM, backed by host memory that outlives the run: the weights (no kind) or a tensor. Its base
/// is a multiple of 64.
/// </summary>
internal sealed unsafe class DramSegment(string name, TensorKind? kind, long @base, long length, byte* memory)
{
    public string Name => name;
    public long Base => @base;
    public long Length => length;
    public byte* Memory => memory;

    public TensorKind? Kind => kind;

    /// <summary>Weights and inputs hold defined bytes from the start, and the program must not change them.</summary>
    public bool ReadOnly => kind is null or TensorKind.Input;

    /// <summary>Position in the map; checking mode keeps its shadows by it.</summary>
    public int Index { get; internal set; }
}

/// <summary>Emulated DRAM: segments with unmapped gaps between, so that a stray address is seen.</summary>
internal sealed class DramMap
{
    private readonly DramSegment[] _segments;
    private readonly long[] _bases;

    public DramMap(IEnumerable<DramSegment> segments)
    {
        _segments = [.. segments.OrderBy(s => s.Base)];
        _bases = [.. _segments.Select(s => s.Base)];
        for (int i = 0; i < _segments.Length; i++)
        {
            _segments[i].Index = i;
        }
    }

    public IReadOnlyList<DramSegment> Segments => _segments;

    /// <summary>The segment that holds the byte at <paramref name="address"/>, or null.</summary>
    public DramSegment? Find(long address)
    {
        int i = Array.BinarySearch(_bases, address);
        i = i >= 0 ? i : ~i - 1;
        return i >= 0 && address - _bases[i] < _segments[i].Length ? _segments[i] : null;
    }
}
