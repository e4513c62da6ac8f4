namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>Finds the tokens that a text begins with, one character at a time: a range of the sorted tokens that narrows.</summary>
internal sealed class PrefixSearch
{
    private readonly (string Text, int Id)[] _sorted;

    public PrefixSearch(Vocabulary vocabulary, IEnumerable<int> ids)
    {
        _sorted = [.. ids.Select(id => (vocabulary.Text(id), id))];
        Array.Sort(_sorted, static (a, b) => string.CompareOrdinal(a.Text, b.Text) is not 0 and int order ? order : a.Id.CompareTo(b.Id));
    }

    public bool IsEmpty => _sorted.Length == 0;

    public Cursor Start() => new(_sorted);

    /// <summary>All tokens from Low to High share the characters stepped over.</summary>
    public struct Cursor((string Text, int Id)[] sorted)
    {
        private int _low, _high = sorted.Length, _depth;

        /// <summary>The token that consists of exactly the characters so far; of equal ones the last, as in the vocabulary.</summary>
        public readonly int? Token
        {
            get
            {
                int? found = null;
                for (int i = _low; i < _high && sorted[i].Text.Length == _depth; i++)
                {
                    found = sorted[i].Id;
                }
                return found;
            }
        }

        /// <summary>False when no token goes on with this character.</summary>
        public bool Step(char next)
        {
            (_low, _high) = (FirstAtLeast(next), FirstAtLeast(next + 1));
            _depth++;
            return _low < _high;
        }

        private readonly int FirstAtLeast(int character)
        {
            int low = _low, high = _high;
            while (low < high)
            {
                int middle = (low + high) >>> 1;
                string text = sorted[middle].Text;
                if ((text.Length > _depth ? text[_depth] : -1) < character)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }
            return low;
        }
    }
}
