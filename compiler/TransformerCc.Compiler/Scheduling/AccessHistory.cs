using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>Bytes that a statement may touch: a part of a buffer's place, or of a DRAM tensor.</summary>
internal sealed record MemoryAccess(MemorySpace Space, DramTensor? Tensor, long Start, long End, bool IsWrite, AccessedPart Part = default);

/// <summary>Who touched which bytes last, per engine, as positions in the order of items.</summary>
internal sealed class AccessHistory
{
    private sealed class Place(long start, long end, AccessedPart part)
    {
        public long Start => start;

        public long End => end;

        public AccessedPart Part => part;

        /// <summary>Position of the last writing item of each engine; −1 for none.</summary>
        public int[] LastWrite { get; } = Empty();

        public int[] LastAccess { get; } = Empty();

        private static int[] Empty() => [.. Enumerable.Repeat(-1, Engines.Count)];
    }

    private readonly Dictionary<(MemorySpace, DramTensor?), List<Place>> _places = [];

    public void Record(int item, Engine engine, List<MemoryAccess> accesses)
    {
        foreach (MemoryAccess a in accesses)
        {
            if (!_places.TryGetValue((a.Space, a.Tensor), out List<Place>? places))
            {
                _places[(a.Space, a.Tensor)] = places = [];
            }
            Place? place = places.Find(p => p.Start == a.Start && p.End == a.End && p.Part == a.Part);
            if (place is null)
            {
                places.Add(place = new Place(a.Start, a.End, a.Part));
            }
            place.LastAccess[(int)engine] = item;
            if (a.IsWrite)
            {
                place.LastWrite[(int)engine] = item;
            }
        }
    }

    /// <summary>For each engine, the last item that these accesses must follow; −1 for none.</summary>
    /// <param name="engine">The asking engine: its own order needs no channel.</param>
    public int[] Needs(Engine engine, List<MemoryAccess> accesses)
    {
        int[] needs = [.. Enumerable.Repeat(-1, Engines.Count)];
        foreach (MemoryAccess a in accesses)
        {
            if (!_places.TryGetValue((a.Space, a.Tensor), out List<Place>? places))
            {
                continue;
            }
            foreach (Place p in places)
            {
                if (p.Start >= a.End || a.Start >= p.End || (p.Start == a.Start && p.Part.IsApartFrom(a.Part)))
                {
                    continue;
                }
                int[] last = a.IsWrite ? p.LastAccess : p.LastWrite;
                for (int e = 0; e < Engines.Count; e++)
                {
                    if (e != (int)engine)
                    {
                        needs[e] = int.Max(needs[e], last[e]);
                    }
                }
            }
        }
        return needs;
    }
}
