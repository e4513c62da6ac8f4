using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tests.Generation;

/// <summary>
/// The unigram tokenizer with a vocabulary of ours. The ids and texts are llama.cpp's (v0.5.0 in node-llama-cpp 3.22) for the
/// same vocabulary written as a GGUF file: prefix space, merged spaces, character map in all combinations that differ.
/// </summary>
public sealed class UnigramTests
{
    private static readonly ImmutableArray<string> s_tokens =
    [
        "<pad>", "</s>", "<unk>", "▁", "▁the", "▁qu", "ick", "▁quick", "▁b", "r", "own", "▁brown", "fi", "▁fi", "x", "A", "▁A", "a", "b", "c", "d", "e", "f", "i", "o", "n", "w", "t", "h", "k", "q", "u",
        "<user>", "é", "▁▁", "bro", "wn", "ab", "abc",
    ];

    private static readonly ImmutableArray<float> s_scores =
    [
        0, 0, 0, -12, -6.5f, -2.5f, -9.5f, -5.5f, -3, -10, -4.5f, -0.5f, -9, -3.5f, -12, -8, -4, -11, -7, -3, -10, -6, -2, -9, -5, -12, -8, -4, -11, -7, -3, -10, -1, -2, -9, -3.5f, -12, -8, -2.5f,
    ];

    [Theory]
    [InlineData("the quick brown fox", "4 7 11 3 22 24 14", "the quick brown fox")]
    [InlineData("  the   quick  ", "4 7", "the quick")]
    [InlineData("ﬁx the Ａ", "13 14 4 16", "fix the A")]
    [InlineData("\tabc\té zzz ab", "3 38 3 33 3 2 3 37", "abc é <unk> ab")]
    [InlineData("ab<user>the <user> abc", "3 37 32 4 32 3 38", "ab<user> the<user> abc")]
    [InlineData("", "", "")]
    [InlineData("   ", "", "")]
    [InlineData("日本 ab 🙂🙂 x", "3 2 3 37 3 2 3 14", "<unk> ab <unk> x")]
    [InlineData("abcabc fi ﬁﬁ", "3 38 38 13 13 12", "abcabc fi fifi")]
    public void Spaces_merged_and_characters_mapped(string text, string ids, string back) => Check(Create(prefix: true, merge: true, map: true), text, ids, back);

    [Theory]
    [InlineData("  the   quick  ", "34 4 34 7 34", "  the   quick  ")]
    [InlineData("\tabc\té zzz ab", "34 38 3 33 3 2 3 37", " abc é <unk> ab")]
    [InlineData("ab<user>the <user> abc", "3 37 32 4 3 32 34 38", "ab<user> the <user>  abc")]
    [InlineData("   ", "3 34", "  ")]
    public void Spaces_kept(string text, string ids, string back) => Check(Create(prefix: true, merge: false, map: true), text, ids, back);

    [Theory]
    [InlineData("the quick brown fox", "27 28 21 7 11 3 22 24 14", "the quick brown fox")]
    [InlineData("ﬁx the Ａ", "2 14 4 3 2", "<unk>x the <unk>")]
    [InlineData("\tabc\té zzz ab", "2 38 2 33 3 2 3 37", "<unk>abc<unk>é <unk> ab")]
    [InlineData("ab<user>the <user> abc", "37 32 27 28 21 3 32 3 38", "ab<user>the <user> abc")]
    public void Nothing_normalised(string text, string ids, string back) => Check(Create(prefix: false, merge: false, map: false), text, ids, back);

    [Theory]
    [InlineData("the quick brown fox", "4 7 11 3 22 24 14", " the quick brown fox")]
    [InlineData("ab<user>the <user> abc", "3 37 32 4 32 3 38", " ab<user> the<user> abc")]
    public void Merged_spaces_begin_every_word(string text, string ids, string back) => Check(Create(prefix: false, merge: true, map: false), text, ids, back);

    [Fact]
    public void Control_tokens_are_found_only_where_they_are_asked_for()
    {
        Tokenizer tokenizer = Create(prefix: true, merge: true, map: true);
        Assert.Equal([4, 2, 30, 31, 6], tokenizer.Encode("the</s>quick", addSpecial: false));
        Assert.Equal([4, 1, 7], tokenizer.Encode("the</s>quick", addSpecial: false, parseSpecial: true));
        Assert.Equal([4, 7, 1], tokenizer.Encode("the quick"));
    }

    [Fact]
    public void A_damaged_character_map_is_refused_or_does_no_harm()
    {
        byte[] good = Map();
        foreach (byte[] bad in (byte[][])[[1, 2], good[..^1], [.. BitConverter.GetBytes(uint.MaxValue), 0], [.. BitConverter.GetBytes(good.Length), .. good[4..]]])
        {
            Assert.Equal("TCC5204", Assert.Throws<DiagnosticException>(() => Create(true, true, true, bad)).Diagnostics[0].Code);
        }
        var random = new Random(11);
        for (int round = 0; round < 200; round++)
        {
            byte[] damaged = [.. good];
            damaged.AsSpan(4, 0x1000 * 4).Fill((byte)round);
            random.NextBytes(damaged.AsSpan(4 + (random.Next(0x1000) * 4), 4));
            Assert.NotNull(Create(true, true, true, damaged).Encode("ﬁx the Ａ\t\u0001\u00FF"));
        }
    }

    private static void Check(Tokenizer tokenizer, string text, string ids, string back)
    {
        IReadOnlyList<int> found = tokenizer.Encode(text, addSpecial: false);
        Assert.Equal(ids, string.Join(' ', found));
        Assert.Equal(back, Encoding.UTF8.GetString(tokenizer.Decode(found)));
    }

    private static Tokenizer Create(bool prefix, bool merge, bool map, byte[]? characters = null) => Tokenizer.Create(new TokenizerData
    {
        Model = "t5",
        Tokens = s_tokens,
        Scores = s_scores,
        Types = [.. s_tokens.Select((t, i) => i < 2 ? TokenType.Control : i == 2 ? TokenType.Unknown : t == "<user>" ? TokenType.UserDefined : TokenType.Normal)],
        CharacterMap = map ? [.. characters ?? Map()] : [],
        Unknown = 2,
        Eos = 1,
        AddSpacePrefix = prefix,
        RemoveExtraWhitespaces = merge,
    });

    /// <summary>ﬁ to fi, Ａ to A, tab to space, as a compact double array with a path laid out by hand.</summary>
    private static byte[] Map()
    {
        var nodes = new uint[0x1000];
        Node(0, 0, 0x100, leaf: false);
        Node(0x1EF, 0xEF, 0x200, leaf: false);
        Node(0x343, 0xAC, 0x400, leaf: false);
        Node(0x7C2, 0x81, 0x800, leaf: true);
        nodes[0xFC2] = 0x8000_0000;
        Node(0x353, 0xBC, 0x400, leaf: false);
        Node(0x7F2, 0xA1, 0x800, leaf: true);
        nodes[0xFF2] = 0x8000_0003;
        Node(0x109, 0x09, 0xC00, leaf: true);
        nodes[0xD09] = 0x8000_0005;
        var bytes = new byte[4 + (4 * nodes.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 4 * nodes.Length);
        for (int i = 0; i < nodes.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 + (4 * i)), nodes[i]);
        }
        return [.. bytes, .. "fi\0A\0 \0"u8];

        void Node(int at, byte check, uint @base, bool leaf) => nodes[at] = (@base << 10) | (leaf ? 0x100u : 0) | check;
    }
}
