using TransformerCc.Compiler.Importers.Gguf;

namespace TransformerCc.Tests.Campaigns;

/// <summary>What GGUF campaigns begin with.</summary>
public sealed class GgufCampaignTests
{
    [Fact]
    public void Models_that_mutants_are_made_of_compile()
    {
        using var campaign = new ModelCampaign(GgufSeeds.Source);
        for (int i = 0; i < GgufSeeds.Models.Count; i++)
        {
            Assert.Equal(GgufSeeds.Models[i], GgufParts.Parse(GgufSeeds.Models[i]).ToBytes());
            Assert.Null(campaign.Problem(GgufSeeds.Models[i]));
            Assert.True(campaign.Reached == i + 1, $"{Architectures.All[i].Name}: {campaign.Rejection}");
        }
    }
}
