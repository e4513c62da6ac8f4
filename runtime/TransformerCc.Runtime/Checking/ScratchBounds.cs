using System.Collections.Immutable;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// Shows without running that every access to a scratchpad stays inside it, for all sizes that the dimensions allow and
/// all trip counts: each register is followed as a range of values, and the end of an access grows with each of its
/// registers, so that their largest values bound it. What depends on values in memory, or on a relation between
/// registers that ranges do not know, is reported as undecided; the machine checks it as it runs.
/// </summary>
public static class ScratchBounds
{
    /// <summary>Instructions visited, loop bodies once for each round of their analysis: far above what programs need.</summary>
    private const long MaxSteps = 1L << 26;

    /// <summary>Rounds through a loop's body before registers that still change count as unknown.</summary>
    private const int MaxRounds = 3;

    /// <param name="entry">Its loops and branches are well formed.</param>
    /// <param name="image">The dimensions and the parameter block.</param>
    public static IReadOnlyList<Finding> Run(EntryPoint entry, ProgramImage image, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(chip);
        var pass = new Pass(entry, Parameters(entry, image), chip.Memory);
        var start = new ScalarRange[Reg.Count];
        Array.Fill(start, ScalarRange.Of(0));
        pass.Body(0, entry.Instructions.Length, start, report: true);
        return pass.Findings;
    }

    /// <summary>Words of the parameter block: dimensions within their bounds, addresses of tensors anywhere.</summary>
    private static ScalarRange[] Parameters(EntryPoint entry, ProgramImage image)
    {
        var words = new ScalarRange[image.ParameterCount];
        Array.Fill(words, ScalarRange.Everything);
        foreach (DimensionSymbol d in image.Dimensions)
        {
            long upper = entry.Limits.Where(l => l.Dimension == d.Name).Select(l => l.Upper).Append(d.Upper).Min();
            words[d.ParameterIndex] = new(d.Lower, long.Max(d.Lower, upper));
        }
        return words;
    }

    private sealed class Pass(EntryPoint entry, ScalarRange[] parameters, MemoryDescription memory)
    {
        private readonly ImmutableArray<Instruction> _code = entry.Instructions;
        private readonly List<Finding> _findings = [];
        private long _steps;

        public IReadOnlyList<Finding> Findings => _findings;

        /// <summary>Follows the registers through [start, end), a loop body or the program; null where no way reaches the end.</summary>
        public ScalarRange[]? Body(int start, int end, ScalarRange[] registers, bool report)
        {
            var arriving = new Dictionary<int, ScalarRange[]>();
            ScalarRange[]? current = [.. registers];
            for (int i = start; i < end; i += 1 + (_code[i] is Loop { Body: var body } ? body : 0))
            {
                current = Meet(arriving, i, current);
                if (current is null)
                {
                    continue;
                }
                if (++_steps > MaxSteps)
                {
                    if (_steps == MaxSteps + 1)
                    {
                        _findings.Add(new(FindingKind.Undecided, $"undecided: the loops of {entry.Name} nest too deep to follow its registers"));
                    }
                    return current;
                }
                switch (_code[i])
                {
                    case Halt or TrapAlways:
                        current = null;
                        break;
                    case Branch branch:
                        int target = i + 1 + branch.Skip;
                        arriving[target] = Meet(arriving, target, [.. current])!;
                        current = branch.Condition == BranchCondition.Always ? null : current;
                        break;
                    case Loop loop:
                        current = Iterate(i, loop, current, report);
                        break;
                    default:
                        if (report)
                        {
                            Check(i, current);
                        }
                        Execute(_code[i], current);
                        break;
                }
            }
            return Meet(arriving, end, current);
        }

        private static ScalarRange[]? Meet(Dictionary<int, ScalarRange[]> arriving, int at, ScalarRange[]? current) =>
            !arriving.Remove(at, out ScalarRange[]? other) ? current : current is null ? other : Join(current, other);

        private static ScalarRange[] Join(ScalarRange[] a, ScalarRange[] b) => [.. a.Zip(b, (x, y) => x.Join(y))];

        private ScalarRange[]? Iterate(int i, Loop loop, ScalarRange[] before, bool report)
        {
            ScalarRange count = Value(loop.Count, before);
            if (count.Upper <= 0)
            {
                return before;
            }
            ScalarRange counter = new(0, count.Upper - 1);
            ScalarRange[] entering = before;
            for (int round = 0; ; round++)
            {
                Set(entering = [.. entering], loop.Counter, counter);
                ScalarRange[]? end = Body(i + 1, i + 1 + loop.Body, entering, report: false);
                if (end is null)
                {
                    break;
                }
                ScalarRange[] joined = Join(entering, end);
                Set(joined, loop.Counter, counter);
                if (joined.AsSpan().SequenceEqual(entering))
                {
                    break;
                }
                entering = round < MaxRounds ? joined : [.. joined.Zip(entering, (now, then) => now == then ? now : ScalarRange.Everything)];
            }
            ScalarRange[]? after = Body(i + 1, i + 1 + loop.Body, entering, report);
            if (after is not null)
            {
                Set(after, loop.Counter, new(long.Max(0, count.Lower - 1), count.Upper - 1));
            }
            return count.Lower > 0 ? after : after is null ? before : Join(before, after);
        }

        private void Execute(Instruction instruction, ScalarRange[] s)
        {
            switch (instruction)
            {
                case LoadImmediate i:
                    Set(s, i.Dst, ScalarRange.Of(i.Value));
                    break;
                case Scalar i:
                    Set(s, i.Dst, ScalarRange.Compute(i.Op, s[i.A.Index], Value(i.B, s)));
                    break;
                case ScalarSelect i:
                    ScalarRange condition = s[i.Condition.Index];
                    Set(s, i.Dst, condition is { IsExact: true, Lower: 0 } ? s[i.B.Index] : condition.Lower > 0 ? s[i.A.Index] : s[i.A.Index].Join(s[i.B.Index]));
                    break;
                case LoadParameter i:
                    ScalarRange index = Value(i.Index, s);
                    Set(s, i.Dst, index is { IsExact: true, Lower: >= 0 } && index.Lower < parameters.Length ? parameters[index.Lower] : ScalarRange.Everything);
                    break;
                case LoadScalar i:
                    Set(s, i.Dst, ScalarRange.Everything);
                    break;
            }
        }

        private void Check(int i, ScalarRange[] s)
        {
            Instruction instruction = _code[i];
            var operands = new OperandCollector();
            instruction.Visit(ref operands);
            if (operands.Addresses.Count == 0)
            {
                return;
            }
            byte[] registers = [.. operands.DimRegisters, .. operands.Addresses.Select(a => a.Base.Index)];
            bool isExact = registers.All(r => s[r].IsExact);
            if (operands.Addresses.Find(a => s[a.Base.Index].Lower < -(long)a.Offset) is { Base.Index: > 0 } early)
            {
                Report(i, isExact, s[early.Base.Index].Upper < -(long)early.Offset ? $"begins before {early}" : $"may begin before {early}");
            }
            if (Array.Exists(registers, r => s[r].Upper >= Reach.Unknown))
            {
                Report(i, isExact: false, "goes where values in memory, or a relation between registers, send it");
                return;
            }
            Span<long> largest = stackalloc long[Reg.Count];
            for (int r = 0; r < Reg.Count; r++)
            {
                largest[r] = long.Clamp(s[r].Upper, 0, Reach.Unknown);
            }
            var reach = new Reach(memory, new List<string>());
            switch (instruction)
            {
                case Load l:
                    reach.Block(l.Dst, l.Count, new(l.DstOuterStride, l.DstMiddleStride, l.DstInnerStride), l.DstFormat, largest);
                    break;
                case Store t:
                    reach.Block(t.Src, t.Count, new(t.SrcOuterStride, t.SrcMiddleStride, t.SrcInnerStride), t.SrcFormat, largest);
                    break;
                case Copy c:
                    reach.Block(c.Src, c.Count, c.SrcStride, c.SrcFormat, largest);
                    reach.Block(c.Dst, c.Count, c.DstStride, c.DstFormat, largest);
                    break;
                default:
                    instruction.Footprint(largest, ref reach);
                    break;
            }
            foreach (string outside in reach.Outside.Take(1))
            {
                Report(i, isExact, isExact ? $"reaches {outside}" : $"may reach {outside}");
            }
        }

        private void Report(int i, bool isExact, string what) => _findings.Add(new(isExact ? FindingKind.OutOfBounds : FindingKind.Undecided,
            FormattableString.Invariant($"{(isExact ? "out of bounds" : "undecided")}: {entry.Name}[{i}] on {_code[i].Engine.Name()} `{Disassembler.Print(_code[i])}` {what}")));

        private static ScalarRange Value(Dim d, ScalarRange[] s) => d.IsRegister ? s[d.Register.Index] : ScalarRange.Of(d.Immediate);

        private static void Set(ScalarRange[] s, Reg register, ScalarRange value)
        {
            if (register.Index != 0)
            {
                s[register.Index] = value;
            }
        }
    }

    /// <summary>Takes the accesses of one instruction, its registers at their largest, and keeps those that leave their scratchpad.</summary>
    private readonly record struct Reach(MemoryDescription Memory, List<string> Outside) : IAccessSink
    {
        /// <summary>Addresses have fewer bits; below it no product of a footprint overflows.</summary>
        public const long Unknown = 1L << 40;

        /// <summary>The last element of a strided block, whose footprint would go through all of its rows.</summary>
        public void Block(ScratchAddress a, Dim3 count, Dim3 stride, ElementType format, ReadOnlySpan<long> s)
        {
            long outer = count.Outer.Resolve(s), middle = count.Middle.Resolve(s), inner = count.Inner.Resolve(s);
            if (outer > 0 && middle > 0 && inner > 0)
            {
                Add(a.Space, s[a.Base.Index] + a.Offset + ((Int128)(outer - 1) * stride.Outer.Resolve(s)) + ((Int128)(middle - 1) * stride.Middle.Resolve(s)) + ((Int128)(inner - 1) * stride.Inner.Resolve(s)) + format.Size());
            }
        }

        public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
        {
            if (space != MemorySpace.Dram && rows > 0 && rowBytes != 0)
            {
                // A negative number of bytes stands for a count that is none.
                Add(space, rowBytes < 0 ? Unknown : address + ((Int128)(rows - 1) * rowStride) + rowBytes);
            }
        }

        private void Add(MemorySpace space, Int128 end)
        {
            (string name, long size) = space switch { MemorySpace.Asp => ("ASP", Memory.AspBytes), MemorySpace.Acc => ("ACC", Memory.AccBytes), _ => ("WSP", (long)Memory.WspBytes) };
            if (end > size)
            {
                Outside.Add(FormattableString.Invariant($"byte {end - 1} of {name}, which has {size}"));
            }
        }
    }
}
