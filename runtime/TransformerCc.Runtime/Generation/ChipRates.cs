using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Loader;
using TransformerCc.Runtime.Timing;

namespace TransformerCc.Runtime.Generation;

/// <summary>Tokens per second of all sequences together on the chip, as the timing model has them; the host's share is not counted.</summary>
/// <param name="Prefill">Of a run that reads a prompt of the mean length.</param>
/// <param name="Decode">Of a run that makes one token of each answer, halfway through it.</param>
public sealed record ChipRates(double Prefill, double Decode)
{
    /// <param name="promptTokens">Of all prompts.</param>
    /// <param name="answerTokens">Of all answers.</param>
    public static ChipRates Of(LoadedProgram program, int sequences, long promptTokens, long answerTokens)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentOutOfRangeException.ThrowIfLessThan(sequences, 1);
        long prompt = long.Max(1, promptTokens / sequences), middle = prompt + (answerTokens / sequences / 2);
        return new ChipRates(Rate(prompt, 0), Rate(1, middle));

        double Rate(long length, long past)
        {
            // Longer prompts are read in pieces; what comes first stands for all.
            Dictionary<string, long> sizes = program.Image.Dimensions.ToDictionary(d => d.Name, d => long.Clamp(d.Name switch { "batch" => sequences, "length" => length, _ => d.Upper }, d.Lower, d.Upper), StringComparer.Ordinal);
            long tokens = sizes.GetValueOrDefault("length", 1) * sizes.GetValueOrDefault("batch", sequences);
            sizes["past"] = past;
            return tokens / TimingModel.Run(program.Image, program.Chip, sizes).Seconds;
        }
    }
}
