using System.Globalization;
using TransformerCc.Tests.Importers;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Malformed models end in success or a diagnostic: never in another exception, a hang, or without memory.</summary>
public sealed class OnnxCampaignTests(ITestOutputHelper output)
{
    /// <summary>ONNX:FIRSTSEED:COUNT, e.g. onnx:1:5000, starts the long campaign.</summary>
    private const string Variable = "TCC_CAMPAIGN";

    /// <summary>One percent of the long campaign.</summary>
    private const ulong ShortCount = 2000;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    /// <summary>Generous where other tests run beside this one.</summary>
    private static readonly TimeSpan s_sharedLimit = TimeSpan.FromSeconds(60);

    [Fact]
    public void Models_that_mutants_are_made_of_compile()
    {
        using var campaign = new ModelCampaign(Source(OnnxSeeds.Small), s_sharedLimit);
        for (int i = 0; i < OnnxSeeds.Small.Count; i++)
        {
            Assert.Null(campaign.Problem(OnnxSeeds.Small[i], $"model {i}"));
            Assert.True(campaign.Compiled == i + 1, $"model {i}: {campaign.Rejection}");
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
        Rejected("its own", new OnnxBuilder(23).Input("q", 1, 1, 2, 3, 4).Input("k", 1, 4).Input("v", 1, 1, 2, 3, 4).Node("Attention", "q k v", "y").Output("y"));

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
        using var campaign = new ModelCampaign(Source([]), s_sharedLimit);
        Assert.Null(campaign.Problem(new OnnxBuilder().Input("x", 1, 0, 4).Floats("w", [4, 4], new float[16]).Node("MatMul", "x w", "y").Output("y").Bytes(), "no rows"));
        Assert.True(campaign.Compiled == 1, campaign.Rejection);
    }

    private static void Rejected(string code, OnnxBuilder model)
    {
        using var campaign = new ModelCampaign(Source([]), s_sharedLimit);
        Assert.Null(campaign.Problem(model.Bytes(), code));
        Assert.Contains(code, campaign.Rejection, StringComparison.Ordinal);
    }

    [Fact]
    public void Short_campaign() => output.WriteLine(CampaignRun.Run(Source(OnnxSeeds.Small), s_sharedLimit, 1, ShortCount, workers: 1, alone: false));

    [Fact]
    public void Long_campaign_when_asked_for()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is ["onnx", string first, string count])
        {
            output.WriteLine(CampaignRun.Run(Source(OnnxSeeds.All()), s_limit, ulong.Parse(first, CultureInfo.InvariantCulture), ulong.Parse(count, CultureInfo.InvariantCulture), Environment.ProcessorCount, alone: true));
        }
    }

    private static MutantSource Source(IReadOnlyList<byte[]> models) => new("model.onnx", models, OnnxMutator.Mutate);
}
