namespace TransformerCc.Isa.Costs;

/// <summary>Cycles of the way from the sequencer to an engine, and from one engine to the next. Every dispatch takes one cycle.</summary>
public static class DispatchCost
{
    public const double TakenBranch = 2;

    /// <summary>From dispatch to the head of an empty queue.</summary>
    public const double QueuePush = 4;

    /// <summary>From a release to the acquire that it allows.</summary>
    public const double SemaphoreHandOff = 8;
}
