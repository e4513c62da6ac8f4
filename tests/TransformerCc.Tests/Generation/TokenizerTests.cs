using System.Text;
using System.Text.Json;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tests.Generation;

/// <summary>Ids and texts are llama.cpp's, string for string.</summary>
public sealed class TokenizerTests
{
    [DataTheory("tokenizer")]
    [InlineData("llama-spm")]
    [InlineData("llama-bpe")]
    [InlineData("bert-bge")]
    public void Every_string_gives_the_ids_of_the_reference_and_comes_back(string name)
    {
        Tokenizer tokenizer = TokenizerFiles.Create($"tokenizer/{name}.gguf");
        int strings = 0;
        foreach (string line in File.ReadLines(TestData.Get($"tokenizer/{name}.jsonl")))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement row = document.RootElement;
            string text = row.GetProperty("text").GetString()!;
            IReadOnlyList<int> ids = tokenizer.Encode(text, addSpecial: false);
            Assert.Equal(Ids(row, "ids"), ids);
            Assert.Equal(Ids(row, "ids_with_special"), tokenizer.Encode(text));
            Assert.Equal(Ids(row, row.TryGetProperty("ids_parse_special", out _) ? "ids_parse_special" : "ids"), tokenizer.Encode(text, addSpecial: false, parseSpecial: true));
            byte[] expected = row.TryGetProperty("detok_hex", out JsonElement hex) ? Convert.FromHexString(hex.GetString()!) : Encoding.UTF8.GetBytes(row.GetProperty("detok").GetString()!);
            Assert.Equal(expected, tokenizer.Decode(ids));
            strings++;
        }
        Assert.Equal(127, strings);
    }

    /// <summary>Odd strings of ours; ids by llama.cpp v0.5.0 in node-llama-cpp 3.22, alone and between special tokens that are parsed.</summary>
    [DataTheory("tokenizer")]
    [InlineData("llama-spm")]
    [InlineData("llama-bpe")]
    [InlineData("bert-bge")]
    public void Odd_strings_give_the_ids_of_the_reference(string name)
    {
        Tokenizer tokenizer = TokenizerFiles.Create($"tokenizer/{name}.gguf");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Repository, "tests", "TransformerCc.Tests", "Generation", "TokenizerTests.ids.json")));
        JsonElement reference = document.RootElement, ids = reference.GetProperty("ids");
        string[] texts = [.. reference.GetProperty("strings").EnumerateArray().Select(t => t.GetString()!)];
        for (int i = 0; i < texts.Length; i++)
        {
            string marked = "<s>[CLS] x</s> " + texts[i] + "<|eot_id|>[SEP] [MASK]";
            Assert.Equal((texts[i], string.Join(' ', ids.GetProperty(name)[i].EnumerateArray())), (texts[i], string.Join(' ', tokenizer.Encode(texts[i], addSpecial: false))));
            Assert.Equal((marked, string.Join(' ', ids.GetProperty(name + " special")[i].EnumerateArray())), (marked, string.Join(' ', tokenizer.Encode(marked, addSpecial: false, parseSpecial: true))));
        }
    }

    [DataTheory("gguf")]
    [InlineData("stories260k-f32")]
    [InlineData("gpt2-f16")]
    [InlineData("qwen2-f32")]
    [InlineData("llama3-f32")]
    [InlineData("gemma-f32")]
    [InlineData("bert-f16")]
    [InlineData("rnd256-q8_0")]
    public void Prompts_of_models_give_the_ids_of_the_reference(string name)
    {
        Tokenizer tokenizer = TokenizerFiles.Create($"gguf/{name}.gguf");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/prompts.json")));
        foreach (JsonElement prompt in document.RootElement.GetProperty("prompts").EnumerateArray())
        {
            string text = prompt.GetProperty("text").GetString()!;
            Assert.Equal(Ids(prompt, "ids_with_special"), tokenizer.Encode(text));
            Assert.Equal(Ids(prompt, "ids_no_special"), tokenizer.Encode(text, addSpecial: false));
            Assert.Equal(prompt.GetProperty("roundtrip_text").GetString(), Encoding.UTF8.GetString(tokenizer.Decode(tokenizer.Encode(text, addSpecial: false))));
        }
        JsonElement vocabulary = document.RootElement.GetProperty("vocab");
        Assert.Equal(vocabulary.GetProperty("n_vocab").GetInt32(), tokenizer.Count);
        Assert.Equal(vocabulary.GetProperty("bos").GetInt32(), tokenizer.Bos ?? -1);
        Assert.Equal(vocabulary.GetProperty("eos").GetInt32(), tokenizer.Eos ?? -1);
    }

    /// <summary>Spaces that special tokens take, which files tell by the model's name only (llama.cpp, llama_vocab::impl::load).</summary>
    [Theory]
    [InlineData("Phi-3 mini", "", "a <|user|> \n a<|end|> a<s> a", "1 0 2 1 3 1 4 0 1")]
    [InlineData("other", "", "a <|user|> \n a<|end|> a<s> a", "1 0 2 0 5 0 1 3 0 1 4 0 1")]
    [InlineData("", "jina-bert-v3", "a  <mask> a", "1 6 0 1")]
    [InlineData("", "", "a  <mask> a", "1 0 0 6 0 1")]
    public void Special_tokens_take_the_spaces_that_the_model_says(string name, string architecture, string text, string ids)
    {
        var tokenizer = Tokenizer.Create(new TokenizerData
        {
            Model = "llama",
            Tokens = ["▁", "a", "<|user|>", "<|end|>", "<s>", "\n", "<mask>"],
            Types = [TokenType.Normal, TokenType.Normal, TokenType.Control, TokenType.Control, TokenType.Control, TokenType.Normal, TokenType.Control],
            ModelName = name,
            Architecture = architecture,
            AddSpacePrefix = false,
        });
        Assert.Equal(ids, string.Join(' ', tokenizer.Encode(text, addSpecial: false, parseSpecial: true)));
    }

    private static int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];
}
