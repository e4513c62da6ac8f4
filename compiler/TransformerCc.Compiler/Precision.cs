namespace TransformerCc.Compiler;

/// <summary>The format of weights and of the activations that feed matrix products.</summary>
public enum Precision
{
    BF16,
    F32,
}
