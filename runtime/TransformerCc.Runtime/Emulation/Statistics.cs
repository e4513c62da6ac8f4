using System.Collections.Immutable;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>What a run did, counted, not timed.</summary>
/// <param name="Instructions">Instructions executed, loop iterations each.</param>
/// <param name="ByMnemonic">Executed per mnemonic.</param>
/// <param name="ByEngine">Executed per engine.</param>
/// <param name="MultiplyAdds">Of the matrix engine.</param>
/// <param name="Bytes">Read and written per memory; a whole table counts for a gather.</param>
/// <param name="Peak">Highest byte address used + 1, per scratchpad.</param>
public sealed record RunStatistics(long Instructions, ImmutableSortedDictionary<string, long> ByMnemonic, ImmutableDictionary<Engine, long> ByEngine, long MultiplyAdds,
    ImmutableDictionary<MemorySpace, Traffic> Bytes, ImmutableDictionary<MemorySpace, long> Peak);

public readonly record struct Traffic(long Read, long Written);

/// <summary>Counters of a running machine.</summary>
internal sealed class Statistics
{
    private readonly long[] _opcodes = new long[256];
    private readonly long[] _engines = new long[Engines.Count];
    private readonly long[] _read = new long[4];
    private readonly long[] _written = new long[4];
    private readonly long[] _peak = new long[4];

    public long MultiplyAdds { get; set; }

    /// <summary>Bytes read and written in all memories.</summary>
    public long Traffic { get; private set; }

    public void Count(byte opcode, Engine engine)
    {
        _opcodes[opcode]++;
        _engines[(int)engine]++;
    }

    public void Count(MemorySpace space, long bytes, long end, bool isWrite)
    {
        (isWrite ? _written : _read)[(int)space] += bytes;
        Traffic += bytes;
        _peak[(int)space] = long.Max(_peak[(int)space], end);
    }

    /// <summary>Highest byte address used + 1.</summary>
    public long Peak(MemorySpace space) => _peak[(int)space];

    public RunStatistics ToResult() => new(
        _engines.Sum(),
        InstructionSet.All.Where(k => _opcodes[k.Info.Opcode] > 0).ToImmutableSortedDictionary(k => k.Info.Mnemonic, k => _opcodes[k.Info.Opcode], StringComparer.Ordinal),
        Enum.GetValues<Engine>().ToImmutableDictionary(e => e, e => _engines[(int)e]),
        MultiplyAdds,
        Enum.GetValues<MemorySpace>().ToImmutableDictionary(s => s, s => new Traffic(_read[(int)s], _written[(int)s])),
        Enum.GetValues<MemorySpace>().Where(s => s != MemorySpace.Dram).ToImmutableDictionary(s => s, s => _peak[(int)s]));
}
