using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Timing;

/// <summary>When the units of each semaphore can be acquired, in the order of their release.</summary>
internal sealed class ChannelTimes
{
    private readonly Queue<(double Time, Engine From)>[] _units = [.. Enumerable.Range(0, 256).Select(_ => new Queue<(double, Engine)>())];
    private readonly Engine?[] _waiting = new Engine?[256];

    /// <summary>Gives the engine that waits for the unit; null when none does.</summary>
    public Engine? Release(byte semaphore, Engine from, double time)
    {
        _units[semaphore].Enqueue((time, from));
        Engine? waiting = _waiting[semaphore];
        _waiting[semaphore] = null;
        return waiting;
    }

    /// <summary>
    /// When all units of a list are there; null while one is not released yet: then the engine is told by <see cref="Release"/>.
    /// </summary>
    public ChannelWait? Find(SemaphoreList acquires, Engine by)
    {
        var wait = new ChannelWait(0, by, 0);
        for (int i = 0; i < acquires.Count; i++)
        {
            byte semaphore = acquires[i];
            int before = 0;
            for (int j = 0; j < i; j++)
            {
                before += acquires[j] == semaphore ? 1 : 0;
            }
            if (_units[semaphore].Count <= before)
            {
                _waiting[semaphore] = by;
                return null;
            }
            (double time, Engine from) = before == 0 ? _units[semaphore].Peek() : _units[semaphore].ElementAt(before);
            wait = new ChannelWait(
                double.Max(wait.Time, time), time >= wait.Time ? from : wait.Last,
                from == Engine.WeightDma ? double.Max(wait.Weights, time) : wait.Weights);
        }
        return wait;
    }

    public void Acquire(SemaphoreList acquires)
    {
        for (int i = 0; i < acquires.Count; i++)
        {
            _units[acquires[i]].Dequeue();
        }
    }
}

/// <param name="Time">When the last unit is there.</param>
/// <param name="Last">Who released it.</param>
/// <param name="Weights">When the last unit of the weight DMA is there: weights may enter the arrays from then on.</param>
internal readonly record struct ChannelWait(double Time, Engine Last, double Weights);
