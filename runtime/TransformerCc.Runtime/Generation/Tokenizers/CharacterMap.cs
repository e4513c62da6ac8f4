using System.Buffers.Binary;
using System.Text;
using TransformerCc.Isa;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// SentencePiece's normaliser: the longest prefix that the map knows is replaced. The file holds its trie as an
/// XOR-compressed compact double array (Kanda et al. 2017): 4 bytes length of the array in bytes, 32-bit nodes, then
/// zero-terminated replacements. Of a node, bits 10 to 30 are its base, bit 9 scales the base by 256, bit 8 says that a
/// replacement belongs to it, bits 0 to 7 and 31 check the byte that led there.
/// </summary>
internal sealed class CharacterMap
{
    public const string BadMap = "TCC5204";

    private readonly uint[] _nodes;
    private readonly byte[] _replacements;

    /// <param name="map">Empty: nothing is replaced.</param>
    /// <exception cref="DiagnosticException">TCC5204: the lengths do not fit.</exception>
    public CharacterMap(ReadOnlySpan<byte> map)
    {
        if (map.IsEmpty)
        {
            (_nodes, _replacements) = ([], []);
            return;
        }
        uint length = map.Length >= sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(map) : uint.MaxValue;
        if (length > map.Length - sizeof(uint) || map[^1] != 0)
        {
            throw new DiagnosticException(Diagnostic.Error(BadMap, $"the tokenizer's character map of {map.Length} bytes is damaged", null, "convert the model again"));
        }
        _nodes = new uint[length / sizeof(uint)];
        for (int i = 0; i < _nodes.Length; i++)
        {
            _nodes[i] = BinaryPrimitives.ReadUInt32LittleEndian(map[(sizeof(uint) * (i + 1))..]);
        }
        _replacements = map[(int)(sizeof(uint) + length)..].ToArray();
    }

    /// <summary>The longest known prefix of a text in UTF-8.</summary>
    /// <returns>Its length, 0 when there is none.</returns>
    public int LongestPrefix(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        int longest = 0;
        replacement = [];
        uint at = _nodes.Length > 0 ? Base(_nodes[0]) : 0;
        for (int i = 0; i < text.Length && text[i] != 0; i++)
        {
            at ^= text[i];
            if (at >= _nodes.Length || (_nodes[at] & 0x8000_00FF) != text[i])
            {
                break;
            }
            uint node = _nodes[at];
            at ^= Base(node);
            if ((node & 0x100) != 0 && at < _nodes.Length && (_nodes[at] & int.MaxValue) is uint start && start < _replacements.Length)
            {
                longest = i + 1;
                ReadOnlySpan<byte> rest = _replacements.AsSpan((int)start);
                replacement = rest[..rest.IndexOf((byte)0)];
            }
        }
        return longest;
    }

    private static uint Base(uint node) => (node >> 10) << (int)((node & 0x200) >> 6);
}
