using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>The hardware loops of the sequencer.</summary>
internal sealed class LoopStack(long[] registers)
{
    private readonly Frame[] _frames = new Frame[Loop.MaxDepth];
    private int _depth;

    /// <summary>Starts the loop at <paramref name="pc"/>; gives the place to go on.</summary>
    public int Enter(int pc, int body, long count, Reg counter)
    {
        if (count < 0)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"a loop count of {count}"));
        }
        if (count == 0)
        {
            return pc + 1 + body;
        }
        if (body == 0)
        {
            Set(counter, count - 1);
            return pc + 1;
        }
        if (_depth == Loop.MaxDepth)
        {
            throw new TrapSignal(TrapKind.LoopDepth, $"loops nest deeper than {Loop.MaxDepth}");
        }
        _frames[_depth++] = new Frame(pc + 1, pc + 1 + body, count, counter);
        Set(counter, 0);
        return pc + 1;
    }

    /// <summary>Takes the back edges that lie at <paramref name="pc"/>.</summary>
    public int Advance(int pc)
    {
        while (_depth > 0)
        {
            ref Frame top = ref _frames[_depth - 1];
            if (pc != top.End)
            {
                return pc;
            }
            if (++top.Index < top.Count)
            {
                Set(top.Counter, top.Index);
                return top.Start;
            }
            _depth--;
        }
        return pc;
    }

    private void Set(Reg register, long value)
    {
        if (register.Index != 0)
        {
            registers[register.Index] = value;
        }
    }

    private struct Frame(int start, int end, long count, Reg counter)
    {
        public readonly int Start = start;
        public readonly int End = end;
        public readonly long Count = count;
        public readonly Reg Counter = counter;
        public long Index;
    }
}
