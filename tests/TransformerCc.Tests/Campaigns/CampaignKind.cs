using TransformerCc.Tests.Campaigns.Models;
using TransformerCc.Tests.Campaigns.Mutations;
using TransformerCc.Tests.Campaigns.Readers;

namespace TransformerCc.Tests.Campaigns;

/// <summary>A kind of campaign, as <c>TCC_CAMPAIGN=NAME:FIRST:COUNT</c> names it.</summary>
/// <param name="Make">A worker; with all the data there is, or with what the repository holds.</param>
/// <param name="ShortCount">Trials of the campaign that runs with the other tests.</param>
/// <param name="LeastReached">Share of trials that must go all the way: inputs too coarse to do so would test nothing.</param>
internal sealed record CampaignKind(string Name, Func<bool, ICampaign> Make, ulong ShortCount, double LeastReached)
{
    /// <summary>Of one trial, by itself on a core; making a failing model small belongs to its trial.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(10);

    public static IReadOnlyList<CampaignKind> All { get; } =
    [
        new("models", _ => new RandomModelCampaign(), 60, 1) { Limit = TimeSpan.FromMinutes(5) },
        new("onnx", all => new ModelCampaign(new MutantSource("model.onnx", all ? OnnxSeeds.All() : OnnxSeeds.Small, OnnxMutator.Mutate)), 2000, 0.05),
        new("gguf", _ => new ModelCampaign(GgufSeeds.Source), 1000, 0.05),
        new("onnx-import", _ => ReaderSeeds.OnnxFiles(), 2000, 0.05),
        new("gguf-import", _ => new GgufImportCampaign(), 2000, 0.05),
        new("bin", _ => new BinaryCampaign(), 2000, 0.05),
        new("tasm", _ => ReaderSeeds.Assembly(), 2000, 0.05),
        new("npy", _ => ReaderSeeds.Tensors(), 5000, 0.02),
        new("chip", _ => ReaderSeeds.Chips(), 2000, 0.02),
        new("ir", _ => ReaderSeeds.Graphs(), 2000, 0.02),
        new("kills", _ => new KillCampaign(), 5, 1) { Limit = TimeSpan.FromMinutes(1) },
        new("mutations", _ => new MutationCampaign(), 300, 0.1),
        new("tokens", all => new TokenizerCampaign(all), 5000, 1),
    ];
}
