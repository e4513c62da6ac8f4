namespace TransformerCc.Compiler;

/// <summary>What caches of keys and values hold.</summary>
public enum CacheFormat
{
    F32,
    BF16,

    /// <summary>OCP e4m3, by conversion on the way to and from DRAM.</summary>
    FP8,

    /// <summary>Codes −127 … 127 with a float32 scale for each row of a head.</summary>
    Int8,
}
