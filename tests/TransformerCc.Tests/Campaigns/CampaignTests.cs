using System.Globalization;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Each kind of campaign: a short one with the other tests, a long one when it is asked for.</summary>
public sealed class CampaignTests(ITestOutputHelper output)
{
    /// <summary>KIND:FIRSTSEED:COUNT or KIND:FIRSTSEED:COUNT:WORKERS, e.g. onnx:1:5000.</summary>
    private const string Variable = "TCC_CAMPAIGN";

    /// <summary>A file for the progress of a long one.</summary>
    private const string LogVariable = "TCC_CAMPAIGN_LOG";

    /// <summary>How much longer a trial may take where other tests run beside it.</summary>
    private const int Patience = 6;

    public static TheoryData<string> Kinds() => [.. CampaignKind.All.Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Short_campaign(string kind)
    {
        CampaignKind campaign = CampaignKind.All.Single(k => k.Name == kind);
        output.WriteLine(CampaignRun.Run(campaign, all: false, Patience * campaign.Limit, 1, campaign.ShortCount, workers: 1, alone: false));
    }

    [Fact]
    public void Long_campaign_when_asked_for()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is [var kind, var first, var count, .. var rest])
        {
            CampaignKind campaign = CampaignKind.All.Single(k => k.Name == kind);
            int workers = rest is [var number] ? int.Parse(number, CultureInfo.InvariantCulture) : Environment.ProcessorCount;
            output.WriteLine(CampaignRun.Run(campaign, all: true, campaign.Limit, ulong.Parse(first, CultureInfo.InvariantCulture), ulong.Parse(count, CultureInfo.InvariantCulture), workers, alone: true, Environment.GetEnvironmentVariable(LogVariable)));
        }
    }
}
