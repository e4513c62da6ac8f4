using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Checking;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// Receives every memory access of an instruction before it executes: bounds, alignment and write protection trap here,
/// so no kernel ever touches memory that was not checked. Counts traffic, and tells checking mode.
/// </summary>
internal readonly struct AccessCheck(Memories memories, Statistics statistics, RaceChecker? checker, CancellationToken cancellation) : IAccessSink
{
    /// <summary>Addresses have 48 bits; anything beyond is absurd, and below it no product of the checks overflows.</summary>
    public const long Limit = 1L << 48;

    public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
    {
        if (rows is < 0 or > Limit || rowBytes is < 0 or > Limit || rowStride is < 0 or > Limit)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"{Name(space)} access of {rows} rows of {rowBytes} bytes, {rowStride} bytes apart"));
        }
        if (rows == 0 || rowBytes == 0)
        {
            return;
        }
        if (address % alignment != 0 || (rows > 1 && rowStride % alignment != 0))
        {
            throw new TrapSignal(TrapKind.Misalignment, FormattableString.Invariant(
                $"{Name(space)} address 0x{address:x}{(rows > 1 ? FormattableString.Invariant($" with row stride {rowStride}") : "")} is not a multiple of {alignment}"));
        }
        DramSegment? segment = null;
        long start = 0, end = space == MemorySpace.Dram ? 0 : memories.Size(space);
        if (space == MemorySpace.Dram)
        {
            segment = address < 0 ? null : memories.Dram.Find(address);
            if (segment is null)
            {
                throw new TrapSignal(TrapKind.OutOfSpace, FormattableString.Invariant($"DRAM address 0x{address:x} lies in no segment"));
            }
            (start, end) = (segment.Base, segment.Base + segment.Length);
        }
        if (address < start || rowBytes > end - address || (rows > 1 && rowStride > 0 && rows - 1 > (end - address - rowBytes) / rowStride))
        {
            throw new TrapSignal(TrapKind.OutOfSpace, FormattableString.Invariant(
                $"{rows} rows of {rowBytes} bytes, {rowStride} bytes apart, from {Name(space)} 0x{address:x} pass the end of {(segment is null ? $"the {end} bytes there" : $"'{segment.Name}' at 0x{end:x}")}"));
        }
        if (isWrite && segment is { ReadOnly: true })
        {
            throw new TrapSignal(TrapKind.ReadOnly, FormattableString.Invariant($"write to DRAM 0x{address:x} in '{segment.Name}', which is read-only"));
        }
        cancellation.ThrowIfCancellationRequested();
        statistics.Count(space, rows * rowBytes, address + ((rows - 1) * rowStride) + rowBytes, isWrite);
        checker?.Access(space, segment, address - start, rows, rowStride, rowBytes, isWrite);
    }

    private static string Name(MemorySpace space) => space switch { MemorySpace.Asp => "ASP", MemorySpace.Acc => "ACC", MemorySpace.Wsp => "WSP", _ => "DRAM" };
}
