using System.Collections.Frozen;

namespace TransformerCc.Compiler.Exporters.Onnx;

/// <summary>The sizes of a synthetic encoder with learned positions, pre-norm layers and GELU.</summary>
public abstract record EncoderShape
{
    public long Layers { get; init; } = 2;

    public long Width { get; init; } = 64;

    public long Heads { get; init; } = 4;

    /// <summary>Width of the feed-forward part.</summary>
    public long Hidden { get; init; } = 128;

    public ulong Seed { get; init; } = 1;
}

/// <summary>A vision transformer (Dosovitskiy et al. 2021): square images in patches, a class token, a classifier.</summary>
public sealed record VisionShape : EncoderShape
{
    public long Image { get; init; } = 32;

    public long Patch { get; init; } = 8;

    public long Classes { get; init; } = 10;
}

/// <summary>The encoder of Whisper (Radford et al. 2022): a spectrogram through two convolutions, the second of stride 2.</summary>
public sealed record SpeechShape : EncoderShape
{
    public long MelBins { get; init; } = 16;

    public long Frames { get; init; } = 48;
}

/// <summary>Shapes of published models, from their papers.</summary>
public static class EncoderPresets
{
    public static FrozenDictionary<string, EncoderShape> All { get; } = new Dictionary<string, EncoderShape>
    {
        ["vit-b16"] = new VisionShape { Layers = 12, Width = 768, Heads = 12, Hidden = 3072, Image = 224, Patch = 16, Classes = 1000 },
        ["whisper-base"] = new SpeechShape { Layers = 6, Width = 512, Heads = 8, Hidden = 2048, MelBins = 80, Frames = 3000 },
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
