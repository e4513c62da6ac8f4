namespace TransformerCc.Compiler.TileIR;

/// <summary>The 64-byte line of the scratchpads and the 512-byte row of the accumulators.</summary>
public static class Lines
{
    public const int Bytes = 64;

    public const int AccumulatorRowBytes = 512;

    public static long RoundUp(long bytes) => RoundUp(bytes, Bytes);

    public static long RoundUp(long bytes, long unit) => checked((bytes + unit - 1) / unit * unit);
}
