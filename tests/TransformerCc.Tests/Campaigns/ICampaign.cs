namespace TransformerCc.Tests.Campaigns;

/// <summary>One worker's part of a campaign: a trial for every seed.</summary>
internal interface ICampaign : IDisposable
{
    /// <summary>Trials that went all the way; the others were refused with a diagnostic.</summary>
    int Reached { get; }

    /// <summary>What else the campaign counts, for people; empty for nothing.</summary>
    string Figures => "";

    /// <summary>Tables of what the campaign counts, those of the workers together; empty for none.</summary>
    string Tables(IEnumerable<ICampaign> workers) => "";

    /// <summary>What is wrong with the trial of a seed; null when nothing is.</summary>
    string? Problem(ulong seed);
}
