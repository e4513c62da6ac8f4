namespace TransformerCc.Isa.Chips;

/// <summary>A number of the chip description: where it stands in the JSON, and which values a chip can have.</summary>
/// <param name="Path">Group and name, e.g. <c>memory.dramBytes</c>; a bare name stands at the top.</param>
/// <param name="Meaning">For people, with the unit.</param>
/// <param name="MultipleOf">0 for a number that need not be an integer.</param>
internal sealed record ChipFigure(string Path, string Meaning, double Minimum, double Maximum, long MultipleOf)
{
    private const double GiB = 1L << 30;

    public bool IsInteger => MultipleOf != 0;

    public string Group => Path.Contains('.', StringComparison.Ordinal) ? Path[..Path.IndexOf('.', StringComparison.Ordinal)] : "";

    public string Name => Path[(Path.IndexOf('.', StringComparison.Ordinal) + 1)..];

    /// <summary>Every figure, in the order of the file. Validation and schema are made from this table.</summary>
    public static IReadOnlyList<ChipFigure> All { get; } =
    [
        Real("clockGhz", "clock of all engines, GHz", 0.001, 10),
        Integer("matrix.arrays", "number of arrays", 1, 255),
        Integer("matrix.k", "rows of an array: depth of a tile", 32, 1024, 32), // whole K-groups of the numerics
        Integer("matrix.n", "columns of an array; a row of ACC has as many lanes", 128, 128),
        Integer("matrix.weightLoadRowsPerCycle", "rows that enter a weight bank each cycle", 1, 1024),
        Real("matrix.f32Rate", "f32 multiply-adds relative to bf16", 0.01, 64),
        Real("matrix.f8Rate", "fp8 multiply-adds relative to bf16", 0.01, 64),
        Real("matrix.i8Rate", "int8 multiply-adds relative to bf16", 0.01, 64),
        Real("matrix.i4Rate", "int4 multiply-adds relative to bf16", 0.01, 64),
        Integer("vector.aluLanes", "elements per cycle of simple operations", 1, 1 << 20),
        Integer("vector.sfuLanes", "elements per cycle of special functions", 1, 1 << 20),
        Integer("vector.aspPortBytesPerCycle", "bytes per cycle between ASP and the vector engine", 64, 1 << 20, 64),
        Integer("memory.dramBytes", "capacity of DRAM, bytes", 1 << 20, 1L << 46, 512),
        Real("memory.dramBytesPerSecond", "peak bandwidth of DRAM, bytes per second", 1e6, 1e15),
        Real("memory.dramEfficiency", "sustained bandwidth of DRAM relative to its peak", 0.01, 1),
        Real("memory.dramLatencyNs", "latency of a transfer, ns", 0, 1e6),
        Integer("memory.wspBytes", "weight scratchpad, bytes", 4096, GiB, 512),
        Integer("memory.aspBytes", "activation scratchpad, bytes", 4096, GiB, 512),
        Integer("memory.accBytes", "accumulators, bytes", 4096, GiB, 512),
        Integer("memory.programBytes", "instruction memory, bytes", 4096, GiB, 512),
        Integer("dma.portBytesPerCycle", "bytes per cycle on the scratchpad side of a DMA engine", 64, 1 << 20, 64),
        Integer("dma.outstanding", "transfers in flight per DMA engine", 1, 1024),
        Integer("dma.queueDepth", "instructions waiting per engine", 1, 1024),
        Integer("links.count", "links to other chips", 0, 64),
        Real("links.bytesPerSecond", "bandwidth of a link, bytes per second", 0, 1e15),
        Real("links.hopLatencyNs", "latency of a hop, ns", 0, 1e6),
        Real("power.tdpWatts", "design power, W", 0, 1e5),
        Real("power.staticWatts", "power at rest, W", 0, 1e5),
        Real("power.picojoulesPerMacBf16", "energy of a bf16 multiply-add, pJ", 0, 1e6),
        Real("power.picojoulesPerMacF32", "energy of an f32 multiply-add, pJ", 0, 1e6),
        Real("power.picojoulesPerMacI8", "energy of an int8 multiply-add, pJ", 0, 1e6),
        Real("power.picojoulesPerDramByte", "energy of a byte to or from DRAM, pJ", 0, 1e6),
        Real("power.picojoulesPerScratchByte", "energy of a byte to or from a scratchpad, pJ", 0, 1e6),
        Real("power.picojoulesPerVectorOp", "energy of an element in the vector engine, pJ", 0, 1e6),
    ];

    private static ChipFigure Real(string path, string meaning, double minimum, double maximum) => new(path, meaning, minimum, maximum, 0);

    private static ChipFigure Integer(string path, string meaning, double minimum, double maximum, long multipleOf = 1) => new(path, meaning, minimum, maximum, multipleOf);
}
