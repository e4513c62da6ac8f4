using TransformerCc.Tests.Importers;

namespace TransformerCc.Tests.Campaigns;

/// <summary>What ONNX campaigns begin with, and what they found.</summary>
public sealed class OnnxCampaignTests
{
    [Fact]
    public void Models_that_mutants_are_made_of_compile()
    {
        using var campaign = new ModelCampaign(Source);
        for (int i = 0; i < OnnxSeeds.Small.Count; i++)
        {
            Assert.Null(campaign.Problem(OnnxSeeds.Small[i]));
            Assert.True(campaign.Reached == i + 1, $"model {i}: {campaign.Rejection}");
        }
    }

    [Fact]
    public void An_output_with_the_name_of_an_input_is_refused() =>
        Rejected("TCC3011", new OnnxBuilder().Input("x", 1, 2).Node("Relu", "x", "y").Output("y").Output("x"));

    [Fact]
    public void Attention_with_values_of_unknown_width_is_refused() =>
        Rejected("TCC3010", new OnnxBuilder(23).Input("q", 1, 1, 2, 3, 4).Input("k", 1, 1, 2, 3, 4).Input("v", 1, 1, 2, 3, "width").Node("Attention", "q k v", "y").Output("y"));

    [Fact]
    public void Attention_with_a_key_without_heads_is_refused() =>
        Rejected("heads of their own", new OnnxBuilder(23).Input("q", 1, 1, 2, 3, 4).Input("k", 1, 4).Input("v", 1, 1, 2, 3, 4).Node("Attention", "q k v", "y").Output("y"));

    [Fact]
    public void An_input_without_a_name_is_refused()
    {
        OnnxBuilder model = new OnnxBuilder().Input("x", 1, 2).Input("z", 1, 2).Node("Relu", "x", "y").Output("y");
        model.Model.Graph.Input[1].Name = "";
        Rejected("has no name", model);
    }

    [Fact]
    public void A_product_of_no_rows_compiles()
    {
        using var campaign = new ModelCampaign(Source);
        Assert.Null(campaign.Problem(new OnnxBuilder().Input("x", 1, 0, 4).Floats("w", [4, 4], new float[16]).Node("MatMul", "x w", "y").Output("y").Bytes()));
        Assert.True(campaign.Reached == 1, campaign.Rejection);
    }

    private static void Rejected(string code, OnnxBuilder model)
    {
        using var campaign = new ModelCampaign(Source);
        Assert.Null(campaign.Problem(model.Bytes()));
        Assert.Contains(code, campaign.Rejection, StringComparison.Ordinal);
    }

    private static MutantSource Source { get; } = new("model.onnx", OnnxSeeds.Small, OnnxMutator.Mutate);
}
