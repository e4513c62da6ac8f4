using System.Globalization;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Malformed GGUF files end in success or a diagnostic: never in another exception, a hang, or without memory.</summary>
public sealed class GgufCampaignTests(ITestOutputHelper output)
{
    /// <summary>gguf:FIRSTSEED:COUNT, e.g. gguf:1:100000, starts the long campaign.</summary>
    private const string Variable = "TCC_CAMPAIGN";

    /// <summary>One percent of the long campaign.</summary>
    private const ulong ShortCount = 1000;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    /// <summary>Generous where other tests run beside this one.</summary>
    private static readonly TimeSpan s_sharedLimit = TimeSpan.FromSeconds(60);

    private static readonly string[] s_types = ["f32", "q8_0", "f16", "q4_0", "bf16", "q5_1", "mxfp4", "iq4_nl"];

    /// <summary>One small model of every architecture, each in another type.</summary>
    private static IReadOnlyList<byte[]> Models { get; } = [.. Architectures.All.Select((a, i) => SyntheticModel.Create(Shape(a, s_types[i % s_types.Length])).ToBytes())];

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

    private static MutantSource Source { get; } = new("model.gguf", Models, GgufMutator.Mutate);

    [Fact]
    public void Models_that_mutants_are_made_of_compile()
    {
        using var campaign = new ModelCampaign(Source, s_sharedLimit);
        for (int i = 0; i < Models.Count; i++)
        {
            Assert.Equal(Models[i], GgufParts.Parse(Models[i]).ToBytes());
            Assert.Null(campaign.Problem(Models[i], Architectures.All[i].Name));
            Assert.True(campaign.Compiled == i + 1, $"{Architectures.All[i].Name}: {campaign.Rejection}");
        }
    }

    [Fact]
    public void Short_campaign() => output.WriteLine(CampaignRun.Run(Source, s_sharedLimit, 1, ShortCount, workers: 1, alone: false));

    [Fact]
    public void Long_campaign_when_asked_for()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is ["gguf", string first, string count])
        {
            output.WriteLine(CampaignRun.Run(Source, s_limit, ulong.Parse(first, CultureInfo.InvariantCulture), ulong.Parse(count, CultureInfo.InvariantCulture), Environment.ProcessorCount, alone: true));
        }
    }
}
