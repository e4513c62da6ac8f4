namespace TransformerCc.Runtime.Timing;

/// <summary>
/// DRAM bandwidth shared max-min fair: every transfer gets an equal part, and what one cannot take (its own limit is lower)
/// goes to the others. Between two events all rates are constant.
/// </summary>
/// <param name="bytesPerCycle">Sustained bandwidth.</param>
internal sealed class SharedBandwidth(double bytesPerCycle)
{
    /// <summary>What rounding may leave of a transfer.</summary>
    private const double Crumb = 1e-6;

    /// <summary>By their own limit, lowest first: what they leave goes to those behind them.</summary>
    private readonly List<DmaTransfer> _active = [];
    private double _now;

    /// <summary>When the next transfer ends if none joins; infinity when there is none.</summary>
    public double NextEnd { get; private set; } = double.PositiveInfinity;

    /// <summary>Cycles during which at least one transfer had the bandwidth.</summary>
    public double Busy { get; private set; }

    public void Join(DmaTransfer transfer, double time)
    {
        AdvanceTo(time);
        int place = _active.Count;
        while (place > 0 && _active[place - 1].RateLimit > transfer.RateLimit)
        {
            place--;
        }
        _active.Insert(place, transfer);
        Share();
    }

    /// <summary>Marks the transfers that end at <see cref="NextEnd"/> as arrived.</summary>
    public void TakeEnded()
    {
        AdvanceTo(NextEnd);
        int kept = 0;
        for (int i = 0; i < _active.Count; i++)
        {
            DmaTransfer t = _active[i];
            t.HasArrived = t.Remaining <= Crumb;
            if (!t.HasArrived)
            {
                _active[kept++] = t;
            }
        }
        _active.RemoveRange(kept, _active.Count - kept);
        Share();
    }

    private void AdvanceTo(double time)
    {
        double passed = time - _now;
        if (_active.Count > 0)
        {
            Busy += passed;
        }
        foreach (DmaTransfer t in _active)
        {
            // The one that ends now ends exactly: no rounding keeps it for another event.
            t.Remaining = time >= t.End ? 0 : t.Remaining - (t.Rate * passed);
        }
        _now = time;
    }

    private void Share()
    {
        double left = bytesPerCycle;
        int waiting = _active.Count;
        NextEnd = double.PositiveInfinity;
        foreach (DmaTransfer t in _active)
        {
            t.Rate = double.Min(t.RateLimit, left / waiting--);
            left -= t.Rate;
            t.End = _now + (t.Remaining / t.Rate);
            NextEnd = double.Min(NextEnd, t.End);
        }
    }
}

/// <summary>A transfer on its way: what it still asks of DRAM's bandwidth, and how fast its scratchpad port lets it be.</summary>
internal sealed class DmaTransfer(PendingInstruction instruction, double start)
{
    public PendingInstruction Instruction => instruction;

    public double Start => start;

    public double Remaining { get; set; } = instruction.Cost.Traffic.DramCharge;

    /// <summary>Bytes per cycle; the port may be the narrower side.</summary>
    public double RateLimit { get; } = instruction.Cost.PortCycles > 0 ? instruction.Cost.Traffic.DramCharge / instruction.Cost.PortCycles : double.PositiveInfinity;

    public double Rate { get; set; }

    public double End { get; set; } = double.PositiveInfinity;

    /// <summary>Its data has arrived; it still ends no earlier than those before it.</summary>
    public bool HasArrived { get; set; }
}
