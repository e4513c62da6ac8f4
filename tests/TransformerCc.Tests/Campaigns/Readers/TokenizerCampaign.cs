using System.Text;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>Any text through tokenizers of every kind: encoding gives tokens, decoding any tokens gives bytes, and nothing else happens.</summary>
internal sealed class TokenizerCampaign : ICampaign
{
    private const int MostPieces = 12, MostIds = 20;

    private static readonly string[] s_pretrained = ["tokenizer/llama-bpe.gguf", "tokenizer/llama-spm.gguf", "tokenizer/bert-bge.gguf"];

    private readonly TemporaryFolder _folder = new();
    private readonly Tokenizer[] _tokenizers;
    private readonly string[] _tokens;

    /// <param name="all">Also the tokenizers of pretrained models, where they are.</param>
    public TokenizerCampaign(bool all)
    {
        string[] real = all ? [.. s_pretrained.Where(TestData.Has).Select(TestData.Get)] : [];
        _tokenizers = [.. Small().Concat(real.Select(Read)).Select(Tokenizer.Create)];
        _tokens = [.. _tokenizers.SelectMany(t => t.Data.Tokens.Take(200).Concat(t.Data.Tokens.TakeLast(50))).Distinct()];
    }

    public int Reached { get; private set; }

    public string? Problem(ulong seed)
    {
        var random = new CampaignRandom(seed);
        Tokenizer tokenizer = random.Pick(_tokenizers);
        string text = Text(random);
        IReadOnlyList<int> ids = tokenizer.Encode(text, random.OneIn(2), random.OneIn(2));
        if (ids.Any(id => id < 0 || id >= tokenizer.Count))
        {
            return $"'{text}' gives a token outside the vocabulary";
        }
        tokenizer.Decode(ids, random.OneIn(2));
        tokenizer.Decode(Enumerable.Range(0, random.Below(MostIds)).Select(_ => random.Below(tokenizer.Count)), random.OneIn(2));
        Reached++;
        return null;
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>The tokenizers of the synthetic models.</summary>
    private IEnumerable<TokenizerData> Small()
    {
        foreach ((byte[] model, int i) in GgufSeeds.Models.Select((m, i) => (m, i)))
        {
            string path = Path.Combine(_folder.FullName, $"{i}.gguf");
            File.WriteAllBytes(path, model);
            yield return Read(path);
        }
    }

    private static TokenizerData Read(string path) => TokenizerMetadata.Read(GgufFile.Open(path), int.MaxValue, [])!;

    private string Text(CampaignRandom random)
    {
        var text = new StringBuilder();
        for (int pieces = random.Below(MostPieces); pieces > 0; pieces--)
        {
            switch (random.Below(8))
            {
                case 0: // any code unit, halves of pairs too
                    text.Append((char)random.Below(1 << 16));
                    break;
                case 1:
                    text.Append(char.ConvertFromUtf32(0x10000 + random.Below(0x100000)));
                    break;
                case 2: // bytes that are no UTF-8
                    text.Append(Encoding.UTF8.GetString(BitConverter.GetBytes(random.Next())));
                    break;
                case 3:
                    text.Append(random.Pick(_tokens));
                    break;
                case 4:
                    text.Append(random.Pick([' ', '\n', '\t', '\u00a0', '\u3000', '\0', '\u200d', '\u0301', '\u2581', '\r']), 1 + random.Below(5));
                    break;
                case 5:
                    text.Append(random.Next() % 100_000);
                    break;
                case 6:
                    text.Append(random.Pick(["'s", "'LL", "don't", "<|", "|>", "</s>", "[CLS]", "<0x0A>", "ﬁ", "İ", "ß", "日本", "한글", "👩‍👩‍👧", "́", "à", "𝔘"]));
                    break;
                default:
                    text.Append((char)('A' + random.Below(58)), 1 + random.Below(9));
                    break;
            }
        }
        return text.ToString();
    }
}
