namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Bytes of ASP that resident values may take at each item of a program. They are found when they are asked for: to know
/// them an item is lowered in several sizes, and where values are too large to stay nobody asks.
/// </summary>
/// <param name="find">Those of an item.</param>
internal sealed class ResidentBudgets(int items, Func<int, (long Budget, long Most)> find)
{
    private readonly (long Budget, long Most)?[] _known = new (long, long)?[items];

    public long Of(int item) => Known(item).Budget;

    /// <summary>For values that save four transfers at once.</summary>
    public long Most(int item) => Known(item).Most;

    private (long Budget, long Most) Known(int item) => _known[item] ??= find(item);
}
