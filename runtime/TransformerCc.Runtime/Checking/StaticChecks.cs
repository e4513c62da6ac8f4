using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// Proves without running that a program cannot deadlock, whatever its trip counts: each semaphore has one releasing and
/// one acquiring engine; in program order no acquire finds too small a count; every loop body leaves all counts as they
/// were, so that one pass through it stands for all; the ways through branches meet with equal counts; every channel is
/// empty at the end, as it was at the start, so that no acquire or release can be missing alone.
/// </summary>
/// <remarks>
/// By the theorem of the machine's design, no acquire failing in program order means that no parallel execution
/// deadlocks. A loop that changes counts is decided when its trip count is an immediate, and reported as undecided else.
/// </remarks>
public static class StaticChecks
{
    /// <exception cref="DiagnosticException">The program's loops or branches are malformed.</exception>
    public static IReadOnlyList<Finding> Run(EntryPoint entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var diagnostics = new DiagnosticList();
        ProgramStructure.Check(entry, diagnostics);
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics);
        }
        return Findings(entry);
    }

    /// <summary>What is found in a program whose loops and branches are well formed.</summary>
    internal static IReadOnlyList<Finding> Findings(EntryPoint entry)
    {
        var pass = new Pass(entry);
        pass.CheckEnds();
        pass.Body(0, entry.Instructions.Length, new int[256]);
        return pass.Findings;
    }

    private sealed class Pass(EntryPoint entry)
    {
        private readonly ImmutableArray<Instruction> _code = entry.Instructions;
        private readonly List<Finding> _findings = [];
        private readonly HashSet<(FindingKind, int, byte)> _seen = [];

        public IReadOnlyList<Finding> Findings => _findings;

        /// <summary>One releaser and one acquirer for each semaphore.</summary>
        public void CheckEnds()
        {
            var releasers = new Engine?[256];
            var acquirers = new Engine?[256];
            for (int i = 0; i < _code.Length; i++)
            {
                Claim(releasers, _code[i].Releases, i, "released");
                Claim(acquirers, _code[i].Acquires, i, "acquired");
            }
        }

        /// <summary>Follows the counts through [start, end), a loop body or the program; gives those at its end.</summary>
        public int[] Body(int start, int end, int[] counts)
        {
            var arriving = new Dictionary<int, int[]>();
            int[]? current = (int[])counts.Clone();
            for (int i = start; i < end;)
            {
                current = Meet(arriving, i, current);
                int next = i + 1;
                if (_code[i] is Loop loop)
                {
                    next += loop.Body;
                }
                // Places that no way leads to change nothing.
                if (current is not null)
                {
                    current = Execute(i, current, arriving);
                }
                i = next;
            }
            return Meet(arriving, end, current) ?? counts;
        }

        private int[]? Execute(int i, int[] counts, Dictionary<int, int[]> arriving)
        {
            Acquire(i, counts);
            switch (_code[i])
            {
                case Loop loop:
                    Release(i, counts);
                    return Iterate(i, loop, counts);
                case Branch branch:
                    Release(i, counts);
                    arriving[i + 1 + branch.Skip] = Meet(arriving, i + 1 + branch.Skip, (int[])counts.Clone())!;
                    return branch.Condition == BranchCondition.Always ? null : counts;
                case Halt:
                    for (int s = 1; s < counts.Length; s++)
                    {
                        if (counts[s] != 0)
                        {
                            Add(FindingKind.Unbalanced, i, (byte)s, $"unbalanced: {counts[s]} released units of semaphore {s} are never acquired; an acquire is missing, or a release is one too many");
                        }
                    }
                    return null;
                case TrapAlways:
                    return null;
                default:
                    Release(i, counts);
                    return counts;
            }
        }

        private int[] Iterate(int i, Loop loop, int[] counts)
        {
            if (!loop.Count.IsRegister && loop.Count.Immediate == 0)
            {
                return counts;
            }
            int[] after = Body(i + 1, i + 1 + loop.Body, counts);
            if (after.AsSpan().SequenceEqual(counts))
            {
                return after;
            }
            if (loop.Count.IsRegister)
            {
                byte s = FirstDifference(counts, after);
                Add(FindingKind.Undecided, i, s, $"undecided: an iteration of {Describe(i)} changes the count of semaphore {s} by {after[s] - counts[s]}, and its trip count is not known");
                return counts;
            }
            // Counts change by the same amount each time: the last iteration has the extremes.
            int[] last = Extrapolate(counts, after, loop.Count.Immediate - 1);
            return Body(i + 1, i + 1 + loop.Body, last);
        }

        private static int[] Extrapolate(int[] first, int[] second, long steps) =>
            [.. first.Zip(second, (a, b) => (int)long.Clamp(a + ((b - a) * steps), 0, SemaphoreFile.MaxCount + 1L))];

        /// <summary>Joins the way that falls through with the branches that arrive here.</summary>
        private int[]? Meet(Dictionary<int, int[]> arriving, int at, int[]? current)
        {
            if (!arriving.Remove(at, out int[]? other))
            {
                return current;
            }
            if (current is not null && !current.AsSpan().SequenceEqual(other))
            {
                byte s = FirstDifference(current, other);
                Add(FindingKind.Undecided, at, s, $"undecided: the ways to {Describe(at)} leave different counts of semaphore {s} ({other[s]} and {current[s]})");
            }
            return current ?? other;
        }

        private void Acquire(int i, int[] counts)
        {
            SemaphoreList list = _code[i].Acquires;
            for (int k = 0; k < list.Count; k++)
            {
                if (counts[list[k]] > 0)
                {
                    counts[list[k]]--;
                }
                else
                {
                    Add(FindingKind.Deadlock, i, list[k], $"deadlock: {Describe(i)} acquires semaphore {list[k]}, of which no unit was released before");
                }
            }
        }

        private void Release(int i, int[] counts)
        {
            SemaphoreList list = _code[i].Releases;
            for (int k = 0; k < list.Count; k++)
            {
                if (counts[list[k]] < SemaphoreFile.MaxCount)
                {
                    counts[list[k]]++;
                }
                else
                {
                    Add(FindingKind.Overflow, i, list[k], $"overflow: {Describe(i)} brings semaphore {list[k]} above {SemaphoreFile.MaxCount}");
                }
            }
        }

        private void Claim(Engine?[] owners, SemaphoreList list, int i, string verb)
        {
            for (int k = 0; k < list.Count; k++)
            {
                byte s = list[k];
                owners[s] ??= _code[i].Engine;
                if (owners[s] != _code[i].Engine)
                {
                    Add(FindingKind.ChannelEnds, i, s, $"semaphore {s} is {verb} by {owners[s]!.Value.Name()}, and by {Describe(i)}");
                }
            }
        }

        private void Add(FindingKind kind, int at, byte semaphore, string message)
        {
            if (_seen.Add((kind, at, semaphore)))
            {
                _findings.Add(new Finding(kind, message));
            }
        }

        private string Describe(int i) => i == _code.Length
            ? $"the end of {entry.Name}"
            : FormattableString.Invariant($"{entry.Name}[{i}] on {_code[i].Engine.Name()} `{Disassembler.Print(_code[i])}`");

        private static byte FirstDifference(int[] a, int[] b) => (byte)a.AsSpan().CommonPrefixLength(b);
    }
}
