using System.Diagnostics;
using System.Text.Json;
using TransformerCc.Isa;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Generation.Tokenizers;

namespace TransformerCc.Tests.Generation;

/// <summary>
/// The ways of cutting words, each through the ids that llama.cpp gives with the vocabulary of Llama 3 and another
/// tokenizer.ggml.pre: PreTokenizerTests.ids.json, made with node-llama-cpp 3.22 (llama.cpp v0.5.0) from strings of ours.
/// </summary>
public sealed class PreTokenizerTests
{
    private static readonly Lazy<JsonDocument> s_reference = new(() => JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Repository, "tests", "TransformerCc.Tests", "Generation", "PreTokenizerTests.ids.json"))));

    private static string[] Pres => [.. s_reference.Value.RootElement.GetProperty("ids").EnumerateObject().Select(p => p.Name)];

    public static TheoryData<string> Names => [.. Pres];

    [DataTheory("tokenizer")]
    [MemberData(nameof(Names))]
    public void Ids_are_the_references(string pre)
    {
        JsonElement reference = s_reference.Value.RootElement;
        Tokenizer tokenizer = Tokenizer.Create(TokenizerFiles.Data("tokenizer/llama-bpe.gguf") with { Pre = pre });
        foreach ((JsonElement text, JsonElement ids) in reference.GetProperty("strings").EnumerateArray().Zip(reference.GetProperty("ids").GetProperty(pre).EnumerateArray()))
        {
            Assert.Equal((text.GetString(), string.Join(' ', ids.EnumerateArray())), (text.GetString(), string.Join(' ', tokenizer.Encode(text.GetString()!, addSpecial: false))));
        }
    }

    /// <summary>Far above what linear work takes on a busy machine, far below what quadratic work takes on an idle one.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void Long_texts_are_cut_in_linear_time()
    {
        foreach (string pre in Pres)
        {
            foreach (string unit in (string[])["A", "1", " ", "a\u0301", "日"])
            {
                var clock = Stopwatch.StartNew();
                Assert.NotEmpty(PreTokenizers.Find(pre).Split(string.Concat(Enumerable.Repeat(unit, 200_000)) + "x"));
                Assert.True(clock.Elapsed < s_patience, $"{pre} '{unit}': {clock.Elapsed}");
            }
        }
    }

    [DataTheory("tokenizer")]
    [InlineData("llama-bpe")]
    [InlineData("llama-spm")]
    [InlineData("bert-bge")]
    public void Long_words_are_merged_in_linear_time(string file)
    {
        var clock = Stopwatch.StartNew();
        Assert.NotEmpty(TokenizerFiles.Create($"tokenizer/{file}.gguf").Encode(new string('A', 100_000)));
        Assert.True(clock.Elapsed < s_patience, clock.Elapsed.ToString());
    }

    [Fact]
    public void An_unknown_way_is_refused_with_the_known_ones()
    {
        var e = Assert.Throws<DiagnosticException>(() => PreTokenizers.Find("none of these"));
        Assert.Equal("TCC5202", e.Diagnostics[0].Code);
        Assert.Contains("llama-bpe", e.Diagnostics[0].Help, StringComparison.Ordinal);
    }
}
