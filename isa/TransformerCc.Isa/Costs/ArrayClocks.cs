namespace TransformerCc.Isa.Costs;

/// <summary>
/// When the arrays of a matrix engine are free: products enter in order, on disjoint arrays side by side, and the first
/// weights of one may enter while the rows of another stream. Times in cycles.
/// </summary>
public sealed class ArrayClocks(int arrays)
{
    /// <summary>Per array: when it has streamed everything given to it, and when its last tile began, which frees the other bank.</summary>
    private readonly double[] _free = new double[arrays], _bankFree = new double[arrays];

    /// <summary>When the first weights of the last product entered.</summary>
    private double _lastLoad;

    /// <summary>When a product can start. Its first weights may enter before its activations are there.</summary>
    /// <param name="ready">When all that it needs is there.</param>
    /// <param name="weights">When its weights are.</param>
    public double Start(in MatrixCost cost, double ready, double weights)
    {
        double start = ready;
        weights = double.Max(weights, _lastLoad);
        for (int a = cost.FirstArray; cost.TilesPerArray > 0 && a < cost.FirstArray + cost.ArrayCount; a++)
        {
            start = double.Max(start, double.Max(_free[a], double.Max(weights, _bankFree[a]) + cost.Load));
        }
        return start;
    }

    /// <summary>Runs a product; gives when its last result is there.</summary>
    public double Run(in MatrixCost cost, double start)
    {
        if (cost.TilesPerArray == 0)
        {
            return start;
        }
        _lastLoad = start - cost.Load;
        double lastTile = start + ((cost.TilesPerArray - 1) * cost.Occupancy);
        for (int a = cost.FirstArray; a < cost.FirstArray + cost.ArrayCount; a++)
        {
            _bankFree[a] = lastTile;
            _free[a] = lastTile + cost.Stream;
        }
        return lastTile + cost.Drain;
    }

    /// <summary>Moves all times by so many cycles: what happened so long ago lies as far back from a later point.</summary>
    public void Shift(double cycles)
    {
        for (int a = 0; a < _free.Length; a++)
        {
            _free[a] += cycles;
            _bankFree[a] += cycles;
        }
        _lastLoad += cycles;
    }
}
