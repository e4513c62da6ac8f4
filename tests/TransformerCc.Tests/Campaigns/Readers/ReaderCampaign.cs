using TransformerCc.Isa;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>Damaged input for one reader: each ends in success or in diagnostics.</summary>
/// <param name="seeds">Small good inputs that mutants are made of.</param>
/// <param name="read">Reads a mutant; the random numbers are for what it does with what it read.</param>
internal sealed class ReaderCampaign(IReadOnlyList<byte[]> seeds, Func<byte[], CampaignRandom, byte[]> mutate, Action<byte[], CampaignRandom> read) : ICampaign
{
    public int Reached { get; private set; }

    public string? Problem(ulong seed)
    {
        var random = new CampaignRandom(seed);
        byte[] mutant = mutate(random.Pick(seeds), random);
        try
        {
            read(mutant, random);
            Reached++;
            return null;
        }
        catch (DiagnosticException e)
        {
            return e.Kind == FailureKind.Failed ? e.Message : e.Diagnostics.Count == 0 ? "a refusal without a reason" : null;
        }
    }

    public void Dispose()
    {
        // Nothing is held between trials; campaigns that hold a folder are classes of their own.
    }
}
