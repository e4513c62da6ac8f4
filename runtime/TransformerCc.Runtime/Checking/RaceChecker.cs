using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// Checking mode: tells reads of bytes that nothing wrote, and accesses of different engines to the same bytes that no
/// chain of semaphores orders, of which one writes. Program order is only one of the orders the parallel machine may
/// take; this finds what would go wrong in any other.
/// </summary>
/// <remarks>
/// The rules per location are those of FastTrack (Flanagan and Freund 2009): an access needs the last write in its past, a
/// write also every engine's last read since. Weights and inputs cannot be written and need no shadow.
/// </remarks>
internal sealed unsafe class RaceChecker : ITableRowSink, IDisposable
{
    private readonly VectorClocks _clocks = new();
    private readonly FindingList _findings;
    private readonly Memories _memories;
    private readonly PreparedProgram _program;
    private readonly Shadow[] _scratch;
    private readonly Shadow?[] _dram;
    private readonly uint[] _clock = new uint[Engines.Count];
    private readonly bool _wholeTables;

    private Engine _engine;

    /// <summary>The clock of the current instruction, as a vector to compare and an array to index.</summary>
    private Vector256<uint> _now;
    private int _index;
    private bool _isIndexed;

    /// <param name="wholeTables">
    /// No data says which rows of a table a scatter writes: it counts as writing all of them. What a gather reads of a table that the
    /// program itself wrote is then not checked.
    /// </param>
    public RaceChecker(PreparedProgram program, Memories memories, bool wholeTables = false)
    {
        _program = program;
        _wholeTables = wholeTables;
        _memories = memories;
        _findings = new FindingList(program);
        _scratch = [new Shadow("asp", memories.Size(MemorySpace.Asp)), new Shadow("acc", memories.Size(MemorySpace.Acc)), new Shadow("wsp", memories.Size(MemorySpace.Wsp))];
        _dram = [.. memories.Dram.Segments.Select(s => s.ReadOnly ? null : new Shadow($"dram '{s.Name}'", s.Length))];
    }

    public IReadOnlyList<Finding> Findings => _findings.Items;

    /// <summary>Before the program: bytes of a state that hold what earlier runs computed.</summary>
    public void MarkWritten(string state, IEnumerable<(long Start, long Length)> ranges)
    {
        // A state without a byte has no segment.
        if (_memories.Dram.Segments.FirstOrDefault(s => s.Kind == TensorKind.State && s.Name == state) is not { } segment)
        {
            return;
        }
        foreach ((long start, long length) in ranges)
        {
            for (long at = start; at < start + length; at = ((at / Shadow.LineBytes) + 1) * Shadow.LineBytes)
            {
                _dram[segment.Index]!.Line(at / Shadow.LineBytes)->Written |= Mask(at, start + length);
            }
        }
    }

    /// <summary>An instruction starts, after its acquires.</summary>
    public void Begin(int index, Engine engine, SemaphoreList acquires)
    {
        Instruction instruction = _program.Code[index].Instruction;
        _clocks.Begin(index, engine, acquires, accesses: engine != Engine.Sequencer || instruction is LoadScalar);
        (_engine, _now, _index, _isIndexed) = (engine, _clocks[engine], index, instruction is Gather or Scatter);
        _now.CopyTo(_clock);
    }

    /// <summary>The instruction's effects are complete.</summary>
    public void End(Engine engine, SemaphoreList releases) => _clocks.End(engine, releases);

    public void Fence() => _clocks.Fence();

    /// <param name="offset">From the start of the scratchpad or DRAM segment.</param>
    public void Access(MemorySpace space, DramSegment? segment, long offset, long rows, long rowStride, long rowBytes, bool isWrite)
    {
        Shadow? shadow = segment is null ? _scratch[(int)space] : _dram[segment.Index];
        // Which rows of its table a gather reads or a scatter writes is data: they report them one by one.
        if (shadow is null || (_isIndexed && segment is not null && !(_wholeTables && isWrite)))
        {
            return;
        }
        if (rowStride == rowBytes)
        {
            (rows, rowBytes) = (1, rows * rowBytes);
        }
        else if (rowStride == 0)
        {
            rows = 1;
        }
        for (long r = 0; r < rows; r++)
        {
            Range(shadow, offset + (r * rowStride), rowBytes, isWrite);
        }
    }

    /// <summary>A gather reads, or a scatter writes, one row of its table.</summary>
    public void TableRow(long address, long bytes, bool isWrite)
    {
        if (_memories.Dram.Find(address) is { } segment && _dram[segment.Index] is { } shadow)
        {
            Range(shadow, address - segment.Base, bytes, isWrite);
        }
    }

    /// <summary>At the end of the program: outputs that are not complete.</summary>
    public void CheckOutputs()
    {
        foreach (DramSegment segment in _memories.Dram.Segments.Where(s => s.Kind == TensorKind.Output))
        {
            Shadow shadow = _dram[segment.Index]!;
            long missing = 0, first = -1;
            for (long start = 0; start < segment.Length; start += Shadow.LineBytes)
            {
                ulong unwritten = Mask(start, segment.Length) & ~shadow.Line(start / Shadow.LineBytes)->Written;
                first = first < 0 && unwritten != 0 ? start + BitOperations.TrailingZeroCount(unwritten) : first;
                missing += BitOperations.PopCount(unwritten);
            }
            if (missing > 0)
            {
                _findings.Unwritten(segment.Name, missing, segment.Length, first);
            }
        }
    }

    public void Dispose()
    {
        foreach (Shadow? s in _scratch.Concat(_dram))
        {
            s?.Dispose();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Range(Shadow shadow, long start, long length, bool isWrite)
    {
        long end = start + length, line = start / Shadow.LineBytes;
        for (long at = start; at < end; line++)
        {
            long next = (line + 1) * Shadow.LineBytes;
            ulong mask = Mask(at, end);
            if (mask != ulong.MaxValue || !TryWhole(shadow.Line(line), isWrite))
            {
                Line(shadow, line, mask, isWrite);
            }
            at = next;
        }
    }

    /// <summary>The common case, an ordered access of a whole line with one state; false leaves everything to <see cref="Line"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryWhole(ShadowLine* line, bool isWrite)
    {
        if (line->Cells != 0 || line->State.WriteClock > _clock[line->State.WriteEngine])
        {
            return false;
        }
        int engine = (int)_engine;
        if (!isWrite)
        {
            if (line->Written != ulong.MaxValue)
            {
                return false;
            }
            ((uint*)&line->State.Reads)[engine] = _clock[engine];
            return true;
        }
        if (Vector256.GreaterThanAny(line->State.Reads, _now))
        {
            return false;
        }
        line->Written = ulong.MaxValue;
        line->State.Reads = Vector256<uint>.Zero;
        line->State.WriteClock = _clock[engine];
        line->State.WriteEngine = engine;
        return true;
    }

    /// <summary>The bytes of [start, end) that lie in the line of start.</summary>
    private static ulong Mask(long start, long end)
    {
        int first = (int)(start % Shadow.LineBytes);
        int count = (int)long.Min(end - start, Shadow.LineBytes - first);
        return (count == Shadow.LineBytes ? ulong.MaxValue : (1UL << count) - 1) << first;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Line(Shadow shadow, long number, ulong mask, bool isWrite)
    {
        ShadowLine* line = shadow.Line(number);
        if (isWrite)
        {
            line->Written |= mask;
        }
        else if ((mask & ~line->Written) is var unwritten and not 0)
        {
            long first = (number * Shadow.LineBytes) + BitOperations.TrailingZeroCount(unwritten);
            _findings.Uninitialised(_index, shadow.Name, first, first + BitOperations.TrailingZeroCount(~(unwritten >> BitOperations.TrailingZeroCount(unwritten))));
        }
        if (mask == ulong.MaxValue && line->Cells == 0)
        {
            Touch(ref line->State, shadow, number * Shadow.LineBytes, Shadow.LineBytes, isWrite);
            return;
        }
        Span<AccessState> cells = shadow.CellsOf(line);
        // The bytes of a mask are consecutive.
        int last = (63 - BitOperations.LeadingZeroCount(mask)) / Shadow.CellBytes;
        for (int c = BitOperations.TrailingZeroCount(mask) / Shadow.CellBytes; c <= last; c++)
        {
            Touch(ref cells[c], shadow, (number * Shadow.LineBytes) + (Shadow.CellBytes * c), Shadow.CellBytes, isWrite);
        }
        if (mask == ulong.MaxValue && isWrite)
        {
            line->State = cells[0];
            shadow.Merge(line);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Touch(ref AccessState state, Shadow shadow, long start, int bytes, bool isWrite)
    {
        if (state.WriteClock > _clock[state.WriteEngine])
        {
            Race((Engine)state.WriteEngine, state.WriteClock, otherWrites: true, isWrite, shadow, start, bytes);
        }
        if (!isWrite)
        {
            state.Reads = state.Reads.WithElement((int)_engine, _clock[(int)_engine]);
            return;
        }
        if (Vector256.GreaterThanAny(state.Reads, _now))
        {
            for (int e = 0; e < Engines.Count; e++)
            {
                if (state.Reads[e] > _now[e])
                {
                    Race((Engine)e, state.Reads[e], otherWrites: false, isWrite, shadow, start, bytes);
                }
            }
        }
        state = new AccessState { WriteClock = _clock[(int)_engine], WriteEngine = (int)_engine };
    }

    private void Race(Engine other, uint clock, bool otherWrites, bool writes, Shadow shadow, long start, int bytes) =>
        _findings.Race(_clocks.InstructionAt(other, clock), otherWrites, _index, writes, shadow.Name, start, start + bytes);
}
