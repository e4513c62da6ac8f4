namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>Turns text between special tokens into ids. Not thread-safe: encoders reuse their work space.</summary>
internal interface ITextEncoder
{
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="afterSpecial">The text begins the input or follows a special token.</param>
    void Encode(string text, bool afterSpecial, List<int> output);

    /// <summary>Text that is lost for want of tokens, in words; null: none is.</summary>
    string? Gap { get; }
}
