namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// Cuts text into the words that byte-level BPE merges within. Each step cuts the pieces of the step before; what a step does
/// not match remains a piece.
/// </summary>
/// <param name="Steps">In order.</param>
/// <param name="IgnoreMerges">A word that is a token is taken as it is.</param>
/// <param name="AddBos">Where the file does not say.</param>
/// <param name="CleanSpaces">Decoding drops spaces before punctuation.</param>
/// <param name="HasBos">The model has a begin token though the file names none.</param>
internal sealed record PreTokenizer(IReadOnlyList<ISplitter> Steps, bool IgnoreMerges = false, bool AddBos = false, bool CleanSpaces = true, bool HasBos = true)
{
    public IEnumerable<Range> Split(string text)
    {
        var classes = new CharacterClasses(text);
        List<(int Start, int Length)> pieces = [(0, classes.Characters.Length)];
        foreach (ISplitter step in Steps)
        {
            var next = new List<(int Start, int Length)>(pieces.Count);
            foreach ((int start, int length) in pieces)
            {
                int at = start;
                step.Split(classes.Characters.AsSpan(start, length), (from, count) =>
                {
                    Add(start + from - at);
                    Add(count);
                });
                Add(start + length - at);

                void Add(int count)
                {
                    if (count > 0)
                    {
                        next.Add((at, count));
                        at += count;
                    }
                }
            }
            pieces = next;
        }
        return pieces.Select(p => classes.Source(p.Start)..classes.Source(p.Start + p.Length));
    }
}
