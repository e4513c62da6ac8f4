using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Divides regions of several linears where that saves time. What operators of a region pass to each other stays on the chip, but
/// its rows take room there: with the wide rows between the linears of a feed-forward network the tiles are small, and every
/// tile reads all weights again. Where DRAM is what bounds a region, it may take less to write those rows once, read them once,
/// and go through each linear in larger tiles.
/// </summary>
/// <param name="find">The best cut of a region when nothing stays in ASP; null where none fits.</param>
internal sealed class RegionDivision(TilingContext context, Func<RowRegion, TilingResult?> find)
{
    /// <summary>Groups of linears that are weighed as one part of a region: the number of parts that are weighed stays linear.</summary>
    private const int MostTogether = 4;

    public IEnumerable<TileItem> Divide(TileItem item)
    {
        if (item.Region is not { } region || Ends(region) is not { Length: > 1 } ends)
        {
            return [item];
        }
        if (item.Run is { } run)
        {
            context.Storage.Enter(run);
        }
        List<RowRegion> parts = Best(region, ends);
        context.Storage.Leave();
        return parts.Select(p => new TileItem(p, [.. p.Members.Select(m => m.Node)], item.Run));
    }

    /// <summary>One past the last member of each part that cannot be divided: a group of linears with what stands before it; the last ends the region.</summary>
    private int[] Ends(RowRegion region)
    {
        if (region.Members.Count(m => m.Node.Op is Linear) < 2)
        {
            return [region.Members.Count];
        }
        var spans = LinearGroup.Of(region, context).Values.Distinct().Select(g => region.Members.Select((m, i) => (m.Node, i)).Where(m => g.Linears.Any(l => l.Node == m.Node) || g.Computes(m.Node)).Select(m => m.i).ToArray())
            .Select(s => (First: s[0], End: s[^1] + 1)).OrderBy(s => s.End).ToList();
        return [.. spans.SkipLast(1).Select(s => s.End).Where(end => !spans.Exists(s => s.First < end && s.End > end)), region.Members.Count];
    }

    private List<RowRegion> Best(RowRegion region, int[] ends)
    {
        if (find(region) is not { ReadsWeightsAgain: true } whole)
        {
            return [region];
        }
        // The least that the parts before an end take, as a share of the whole, and where the last of them begins.
        (double Score, int From)[] best = [(0, 0), .. ends.Select(_ => (double.PositiveInfinity, 0))];
        for (int to = 1; to <= ends.Length; to++)
        {
            for (int from = int.Max(0, to - MostTogether); from < to; from++)
            {
                if (find(Part(from, to)) is { Costs.Length: > 0 } found && best[from].Score + TilingSearch.Score(found.Costs, whole.Costs) is var score && score < best[to].Score)
                {
                    best[to] = (score, from);
                }
            }
        }
        if (best[^1].Score >= 1 - TilingSearch.Margin)
        {
            return [region];
        }
        var parts = new List<RowRegion>();
        for (int to = ends.Length; to > 0; to = best[to].From)
        {
            parts.Insert(0, Part(best[to].From, to));
        }
        return parts;

        RowRegion Part(int from, int to) => region.Part(from == 0 ? 0 : ends[from - 1], ends[to - 1]);
    }
}
