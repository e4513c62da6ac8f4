namespace TransformerCc.Tests.Campaigns;

/// <summary>Damage that knows nothing of the format: flipped bits, other bytes, a cut, a removed, repeated or moved run.</summary>
internal static class ByteMutator
{
    private const int MaximumChanges = 4;
    private const int MaximumRun = 64;

    public static byte[] Mutate(byte[] bytes, CampaignRandom random)
    {
        for (int changes = 1 + random.Below(MaximumChanges); changes > 0 && bytes.Length > 0; changes--)
        {
            bytes = Once(bytes, random);
        }
        return bytes;
    }

    private static byte[] Once(byte[] bytes, CampaignRandom random)
    {
        int at = random.Below(bytes.Length), run = Math.Min(1 + random.Below(MaximumRun), bytes.Length - at);
        switch (random.Below(6))
        {
            case 0:
                return bytes[..at];
            case 1:
                return [.. bytes[..at], .. bytes[(at + run)..]];
            case 2:
                return [.. bytes[..(at + run)], .. bytes[at..]];
            case 3:
                int from = random.Below(bytes.Length - run + 1);
                return [.. bytes[..at], .. bytes[from..(from + run)], .. bytes[(at + run)..]];
            default:
                byte[] copy = [.. bytes];
                copy[at] = random.OneIn(2) ? (byte)(copy[at] ^ (1 << random.Below(8))) : (byte)random.Next();
                return copy;
        }
    }
}
