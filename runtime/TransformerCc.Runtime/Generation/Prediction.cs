using System.Runtime.InteropServices;

namespace TransformerCc.Runtime.Generation;

/// <summary>What a model makes of a sequence: how likely each token is to follow.</summary>
public readonly struct Prediction
{
    private readonly ReadOnlyMemory<byte> _logits;

    public Prediction(float[] logits) => _logits = MemoryMarshal.AsBytes<float>(logits).ToArray();

    /// <param name="logits">Bytes of f32, where the run has left them.</param>
    /// <param name="likeliest">The place of the largest as the chip found it; null where the program does not look.</param>
    public Prediction(ReadOnlyMemory<byte> logits, long? likeliest) => (_logits, Likeliest) = (logits, likeliest);

    public ReadOnlySpan<float> Logits => MemoryMarshal.Cast<byte, float>(_logits.Span);

    /// <summary>The first of the largest logits, or the first that is no number; null where the program does not say.</summary>
    public long? Likeliest { get; }
}
