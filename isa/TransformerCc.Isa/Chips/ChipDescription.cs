using System.Text.Json.Serialization;

namespace TransformerCc.Isa.Chips;

/// <summary>
/// Every number of a TX1 chip that the compiler, the emulator and the timing model use. Read from JSON (checked against
/// the schema), or one of the presets; code holds no sizes of its own.
/// </summary>
public sealed record ChipDescription
{
    public required string Name { get; init; }

    /// <summary>What the chip stands for and where its figures come from.</summary>
    public string Comment { get; init; } = "";

    public required double ClockGhz { get; init; }
    public required MatrixDescription Matrix { get; init; }
    public required VectorDescription Vector { get; init; }
    public required MemoryDescription Memory { get; init; }
    public required DmaDescription Dma { get; init; }
    public required LinkDescription Links { get; init; }
    public required PowerDescription Power { get; init; }

    /// <summary>Where figures come from: path of the figure, such as <c>memory.dramBytes</c>, to a source.</summary>
    public IReadOnlyDictionary<string, string> Origins { get; init; } = new Dictionary<string, string>();

    /// <summary>Location of the schema, for editors; not used.</summary>
    [JsonPropertyName("$schema")]
    public string? SchemaLocation { get; init; }
}

/// <param name="Arrays">Number of arrays.</param>
/// <param name="K">Rows of an array: depth of a tile, a multiple of 32.</param>
/// <param name="N">Columns of an array; always 128.</param>
/// <param name="WeightLoadRowsPerCycle">Rows that enter a weight bank each cycle.</param>
/// <param name="F32Rate">Multiply rate relative to bf16; likewise the others.</param>
public sealed record MatrixDescription(int Arrays, int K, int N, int WeightLoadRowsPerCycle, double F32Rate, double F8Rate, double I8Rate, double I4Rate)
{
    /// <summary>Multiply rate of a format relative to bf16.</summary>
    public double Rate(MacClass format) => format switch { MacClass.F32 => F32Rate, MacClass.F8 => F8Rate, MacClass.I8 => I8Rate, _ => 1 };

    /// <summary>Multiply-adds in a cycle of all arrays.</summary>
    public double PeakMultiplyAdds(MacClass format) => (double)Arrays * K * N * Rate(format);
}

/// <param name="AluLanes">Elements per cycle of simple operations.</param>
/// <param name="SfuLanes">Elements per cycle of special functions (exp, tanh, division, …).</param>
/// <param name="AspPortBytesPerCycle">Operand traffic bound.</param>
public sealed record VectorDescription(int AluLanes, int SfuLanes, int AspPortBytesPerCycle);

/// <param name="DramBytes">Capacity.</param>
/// <param name="DramBytesPerSecond">Peak bandwidth.</param>
/// <param name="DramEfficiency">Sustained / peak.</param>
/// <param name="DramLatencyNs">Latency of a transfer.</param>
/// <param name="ProgramBytes">Instruction memory.</param>
public sealed record MemoryDescription(long DramBytes, double DramBytesPerSecond, double DramEfficiency, double DramLatencyNs, int WspBytes, int AspBytes, int AccBytes, int ProgramBytes)
{
    /// <summary>Bytes per second that well-formed traffic gets.</summary>
    [JsonIgnore]
    public double SustainedBytesPerSecond => DramBytesPerSecond * DramEfficiency;
}

/// <param name="PortBytesPerCycle">Scratchpad side of every DMA engine.</param>
/// <param name="Outstanding">Transfers in flight per engine.</param>
/// <param name="QueueDepth">Instructions waiting per engine.</param>
public sealed record DmaDescription(int PortBytesPerCycle, int Outstanding, int QueueDepth);

/// <param name="Count">0 when the chip has none.</param>
public sealed record LinkDescription(int Count, double BytesPerSecond, double HopLatencyNs);

/// <param name="TdpWatts">Design power.</param>
/// <param name="StaticWatts">Power at rest.</param>
/// <param name="PicojoulesPerMacBf16">Energy of one multiply-add.</param>
/// <param name="PicojoulesPerDramByte">Energy per byte of DRAM traffic; likewise the others.</param>
public sealed record PowerDescription(double TdpWatts, double StaticWatts, double PicojoulesPerMacBf16, double PicojoulesPerMacF32, double PicojoulesPerMacI8, double PicojoulesPerDramByte, double PicojoulesPerScratchByte, double PicojoulesPerVectorOp);
