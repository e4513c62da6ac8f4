using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Checking;

/// <summary>The first findings of a run, each pair of instructions once.</summary>
internal sealed class FindingList(PreparedProgram program)
{
    private const int Limit = 20;

    private readonly List<Finding> _items = [];
    private readonly HashSet<(FindingKind, int, int)> _seen = [];

    public IReadOnlyList<Finding> Items => _items;

    /// <summary>Bytes [start, end) of a memory.</summary>
    public void Uninitialised(int index, string memory, long start, long end)
    {
        if (IsNew(FindingKind.UninitialisedRead, index, index))
        {
            _items.Add(new(FindingKind.UninitialisedRead, $"uninitialised read: {Describe(index)} reads {Bytes(memory, start, end)}, which nothing wrote"));
        }
    }

    public void Race(int first, bool firstWrites, int second, bool secondWrites, string memory, long start, long end)
    {
        if (IsNew(FindingKind.Race, first, second))
        {
            _items.Add(new(FindingKind.Race, $"race on {Bytes(memory, start, end)}: {Describe(first)} {Verb(firstWrites)} it, {Describe(second)} {Verb(secondWrites)} it, and no semaphore orders them"));
        }
    }

    public void Unwritten(string output, long missing, long bytes, long first)
    {
        if (_items.Count < Limit)
        {
            _items.Add(new(FindingKind.UnwrittenOutput, FormattableString.Invariant($"output '{output}': {missing} of {bytes} bytes were never written, the first at offset 0x{first:x}")));
        }
    }

    private bool IsNew(FindingKind kind, int first, int second) => _items.Count < Limit && _seen.Add((kind, first, second));

    private string Describe(int index)
    {
        Instruction i = program.Code[index].Instruction;
        return FormattableString.Invariant($"{program.Name}[{index}] on {i.Engine.Name()} `{Disassembler.Print(i)}`{DebugText.Of(program.DebugOf(i))}");
    }

    private static string Verb(bool writes) => writes ? "writes" : "reads";

    private static string Bytes(string memory, long start, long end) => FormattableString.Invariant($"{memory} bytes 0x{start:x} to 0x{end - 1:x}");
}
