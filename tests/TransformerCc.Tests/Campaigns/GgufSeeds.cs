using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;

namespace TransformerCc.Tests.Campaigns;

/// <summary>One small model of every architecture, each in another type.</summary>
internal static class GgufSeeds
{
    private static readonly string[] s_types = ["f32", "q8_0", "f16", "q4_0", "bf16", "q5_1", "mxfp4", "iq4_nl"];

    public static IReadOnlyList<byte[]> Models { get; } = [.. Architectures.All.Select((a, i) => SyntheticModel.Create(Shape(a, s_types[i % s_types.Length])).ToBytes())];

    public static MutantSource Source { get; } = new("model.gguf", Models, GgufMutator.Mutate);

    private static SyntheticShape Shape(Architecture architecture, string type) => new(architecture.Name)
    {
        Layers = 1,
        Width = 32,
        Heads = 2,
        Hidden = 64,
        Vocabulary = 260,
        Context = 32,
        Window = architecture.Window is null ? null : 8,
        Experts = architecture.NeedsExperts ? 4 : 0,
        Type = type,
    };
}
