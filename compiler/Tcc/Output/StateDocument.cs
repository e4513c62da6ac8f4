using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tool.Output;

/// <summary>A cache that lives in DRAM between runs. Sizes are for one sequence and position, and for all at the upper bounds.</summary>
/// <param name="Mode">append, circular or paged.</param>
/// <param name="Page">Positions of a page; 0 without pages.</param>
/// <param name="Window">Positions that a query sees; 0 for all.</param>
/// <param name="Alignment">Bytes: where a cache starts, and where the rows of a position do.</param>
internal sealed record StateDocument(string Name, string Mode, string Format, IReadOnlyList<string> Shape, long Window, long Page, long BytesPerPosition, long BytesAtBounds, int Alignment, long RowAlignment)
{
    /// <summary>The host begins every tensor on a DRAM burst.</summary>
    private const int TensorAlignment = 64;

    public static IReadOnlyList<StateDocument> Of(ProgramImage image)
    {
        var bounds = image.Dimensions.ToDictionary(d => d.Name, d => new DimInterval(d.Lower, d.Upper));
        return [.. image.Tensors.Where(t => t.State is not null).Select(t => Of(t, bounds))];
    }

    private static StateDocument Of(TensorSymbol t, Dictionary<string, DimInterval> bounds)
    {
        long[] sizes = [.. t.Shape.Select(d => d.Bounds(bounds).Upper)];
        long row = Product([sizes[^1], t.Type.Size()]);
        StateDescription state = t.State!;
        return new(t.Name, state.Mode.ToString().ToLowerInvariant(), t.Type.Name(), [.. t.Shape.Select(d => d.ToString())], state.Window, state.Mode == StateMode.Paged ? sizes[StateDescription.SlotAxis] : 0,
            Product(sizes[1..2].Append(row)), Product(sizes.Append(t.Type.Size())), TensorAlignment, long.Min(TensorAlignment, row & -row));
    }

    /// <summary>A binary may state any bounds.</summary>
    private static long Product(IEnumerable<long> sizes) => (long)sizes.Aggregate((Int128)1, (a, b) => Int128.Min(a * b, long.MaxValue));

    public static void WriteTable(TextWriter output, IReadOnlyList<StateDocument> states)
    {
        if (states.Count == 0)
        {
            return;
        }
        output.WriteLine();
        var table = new TextTable("cache in DRAM", "mode", ">page", "format", ">window", ">bytes a position", ">at the bounds", ">rows aligned to");
        foreach (StateDocument s in states)
        {
            table.Add(s.Name, s.Mode, s.Page == 0 ? "" : Numbers.Count(s.Page), s.Format, s.Window == 0 ? "all" : Numbers.Count(s.Window), Numbers.Count(s.BytesPerPosition), Numbers.Bytes(s.BytesAtBounds), Numbers.Count(s.RowAlignment));
        }
        table.Write(output);
        output.WriteLine($"all caches: {Numbers.Count(states.Sum(s => s.BytesPerPosition))} bytes for each position of a sequence, {Numbers.Bytes(states.Sum(s => s.BytesAtBounds))} at the bounds");
    }
}
