using System.Runtime.Intrinsics;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// Happens-before between engines as vector clocks (Fidge 1988, Mattern 1989): component e of engine f's clock is the
/// number of instructions of e that surely ended before f's current one began.
/// </summary>
/// <remarks>
/// The edges: an engine executes in order; an instruction begins after everything the sequencer had done when it was
/// dispatched; the k-th acquired unit of a semaphore follows the release of the k-th; a fence makes the sequencer wait
/// for all.
/// </remarks>
internal sealed class VectorClocks
{
    private readonly Vector256<uint>[] _clocks = new Vector256<uint>[Engines.Count];
    private readonly Queue<Vector256<uint>>?[] _released = new Queue<Vector256<uint>>?[256];

    /// <summary>Per engine, the instruction index of each of its clock values, the first at clock 1.</summary>
    private readonly List<int>[] _history = [.. Enumerable.Range(0, Engines.Count).Select(_ => new List<int>())];

    public Vector256<uint> this[Engine engine] => _clocks[(int)engine];

    /// <summary>Starts an instruction; gives its engine's clock.</summary>
    /// <param name="accesses">Only instructions that may access memory take a clock value.</param>
    public void Begin(int index, Engine engine, SemaphoreList acquires, bool accesses)
    {
        int e = (int)engine;
        Vector256<uint> clock = Vector256.Max(_clocks[e], _clocks[(int)Engine.Sequencer]);
        for (int i = 0; i < acquires.Count; i++)
        {
            if (_released[acquires[i]] is { Count: > 0 } units)
            {
                clock = Vector256.Max(clock, units.Dequeue());
            }
        }
        if (accesses)
        {
            _history[e].Add(index);
            clock = clock.WithElement(e, (uint)_history[e].Count);
        }
        _clocks[e] = clock;
    }

    public void End(Engine engine, SemaphoreList releases)
    {
        for (int i = 0; i < releases.Count; i++)
        {
            (_released[releases[i]] ??= new Queue<Vector256<uint>>()).Enqueue(_clocks[(int)engine]);
        }
    }

    public void Fence()
    {
        foreach (Vector256<uint> clock in _clocks)
        {
            _clocks[(int)Engine.Sequencer] = Vector256.Max(_clocks[(int)Engine.Sequencer], clock);
        }
    }

    /// <summary>The instruction behind a clock value of an engine.</summary>
    public int InstructionAt(Engine engine, uint clock) => _history[(int)engine][(int)clock - 1];
}
