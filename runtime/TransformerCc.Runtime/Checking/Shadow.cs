using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TransformerCc.Runtime.Checking;

/// <summary>Who accessed some bytes last: the last write, and per engine the last read since.</summary>
internal struct AccessState
{
    /// <summary>Clock of each engine's last read; 0 is none.</summary>
    public Vector256<uint> Reads;
    public uint WriteClock;
    public int WriteEngine;
}

/// <summary>What checking mode knows of a line of 64 bytes.</summary>
internal struct ShadowLine
{
    public AccessState State;

    /// <summary>Bit b: byte b was written.</summary>
    public ulong Written;

    /// <summary>0 while one state holds for the whole line; otherwise 1 + the number of its sixteen 4-byte cells.</summary>
    public int Cells;
}

/// <summary>
/// The shadow of one memory: a state per 64-byte line, split into 4-byte cells where an access covers part of a line,
/// and a written bit per byte. The pages of untouched lines cost nothing.
/// </summary>
internal sealed unsafe class Shadow : IDisposable
{
    public const int LineBytes = 64, CellBytes = 4, CellsPerLine = LineBytes / CellBytes;

    private readonly Stack<int> _free = new();
    private AccessState[] _cells = [];
    private int _used;
    private ShadowLine* _lines;

    /// <param name="name">For findings: "asp", or the name of a DRAM tensor.</param>
    public Shadow(string name, long bytes)
    {
        Name = name;
        Bytes = bytes;
        _lines = (ShadowLine*)NativeMemory.AllocZeroed((nuint)((bytes / LineBytes) + 1), (nuint)sizeof(ShadowLine));
    }

    ~Shadow() => Free();

    public string Name { get; }

    public long Bytes { get; }

    public ShadowLine* Line(long index) => _lines + index;

    /// <summary>The cells of a line; splits it first if need be.</summary>
    public Span<AccessState> CellsOf(ShadowLine* line)
    {
        if (line->Cells == 0)
        {
            if (!_free.TryPop(out int number))
            {
                number = _used++;
                if (_used * CellsPerLine > _cells.Length)
                {
                    Array.Resize(ref _cells, int.Max(64 * CellsPerLine, 2 * _cells.Length));
                }
            }
            line->Cells = number + 1;
            Span<AccessState> cells = _cells.AsSpan(number * CellsPerLine, CellsPerLine);
            cells.Fill(line->State);
            return cells;
        }
        return _cells.AsSpan((line->Cells - 1) * CellsPerLine, CellsPerLine);
    }

    /// <summary>One state for the whole line again.</summary>
    public void Merge(ShadowLine* line)
    {
        _free.Push(line->Cells - 1);
        line->Cells = 0;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_lines);
        _lines = null;
    }
}
