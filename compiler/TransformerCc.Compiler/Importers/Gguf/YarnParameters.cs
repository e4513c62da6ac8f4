namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// How YaRN (Peng et al. 2023) scales pairs by how often they turn within the original context; defaults from llama.cpp,
/// src/llama-hparams.h and src/llama-context.cpp.
/// </summary>
/// <param name="Mix">How much of their own frequency fast pairs keep, 1 for all of it.</param>
/// <param name="FastTurns">Pairs that turn more often keep their frequency.</param>
/// <param name="SlowTurns">Pairs that turn less often are scaled fully.</param>
internal sealed record YarnParameters(double Mix, double FastTurns, double SlowTurns)
{
    /// <summary>Null: no pair is spared.</summary>
    public static YarnParameters? Read(ModelMetadata keys, bool isYarn)
    {
        double mix = keys.Number(ModelKeys.YarnMix, double.NegativeInfinity, -1);
        double fast = keys.Number(ModelKeys.YarnFast, 0, 32), slow = keys.Number(ModelKeys.YarnSlow, 0, 1);
        mix = mix < 0 ? isYarn ? 1 : 0 : mix;
        return mix == 0 ? null : new(mix, fast, slow);
    }
}
