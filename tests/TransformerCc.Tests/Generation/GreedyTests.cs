using System.Text.Json;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Generation;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Generation;

/// <summary>
/// Greedy tokens of whole models, compiled at f32 and run on the emulator, against a float64 forward pass over the exactly
/// decoded weights (tokens_dequant of the data's greedy.json). The prompts run in one batch.
/// </summary>
public sealed class GreedyTests(ITestOutputHelper output)
{
    [DataTheory("gguf")]
    [InlineData("stories260k-f32", true)]
    [InlineData("stories260k-bf16", true)]
    [InlineData("stories260k-q8_0", true)]
    [InlineData("stories260k-q4_0", false)]
    [InlineData("stories260k-q5_1", false)]
    [InlineData("rnd256-q3_k_m", false)]
    [InlineData("rnd256-q4_k_m", false)]
    [InlineData("rnd256-q6_k", false)]
    [InlineData("rnd256-q8_0", false)]
    [InlineData("qwen2-f32", false)]
    [InlineData("qwen2-q4_k_m", false)]
    [InlineData("llama3-f32", false)]
    [InlineData("gemma-f32", false)]
    [InlineData("gpt2-f16", false)]
    public async Task Tokens_are_the_references(string name, bool all)
    {
        var model = new ProgramModel(CompiledModel.Load(name));
        float error = LogitError(model, name);
        Assert.True(error < 1e-3, $"logits differ by {error}");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/greedy.json")));
        JsonElement[] runs = [.. golden.RootElement.GetProperty("runs").EnumerateArray()];
        int steps = runs.Max(r => r.GetProperty("n_predict").GetInt32());
        List<GeneratedToken>[] answers = await CompiledModel.Collect(new Generator(model, null).GenerateAsync([.. runs.Select(r => Ids(r, "prompt_ids"))], new GenerationOptions { MaxTokens = steps }), runs.Length);
        for (int i = 0; i < runs.Length; i++)
        {
            int[] expected = Ids(runs[i], "tokens_dequant"), found = [.. answers[i].Select(s => s.Token).Take(expected.Length)];
            float[] margins = [.. runs[i].GetProperty("margins_dequant").EnumerateArray().Select(m => m.GetSingle())];
            int sure = all ? expected.Length : Array.FindIndex(margins, m => m < 2 * error) is >= 0 and int doubtful ? doubtful : expected.Length;
            int same = expected.Zip(found).TakeWhile(p => p.First == p.Second).Count();
            output.WriteLine(FormattableString.Invariant($"{name}, prompt {i}: {same} of {expected.Length} tokens equal, {sure} demanded; largest logit error {error:E2}, smallest margin {margins.Min():E2}"));
            Assert.True(same >= sure, $"prompt {i}: token {same} is {found.ElementAtOrDefault(same)}, {expected.ElementAtOrDefault(same)} expected");
        }
    }

    /// <summary>The data's sequence, read one token at a time, against its sharp logits.</summary>
    private static float LogitError(ProgramModel model, string name)
    {
        using JsonDocument prompts = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/prompts.json")));
        int[] ids = Ids(prompts.RootElement.GetProperty("sequence"), "ids");
        Tensor golden = NpyFile.Read(TestData.Get($"gguf/{name}.golden/logits_dequant.npy"));
        ISequences sequence = model.Begin(1, ids.Length);
        float error = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            ReadOnlySpan<float> logits = sequence.Run([[ids[i]]], [i], [1], CancellationToken.None)[0].Logits, expected = golden.AsSpan<float>().Slice(i * logits.Length, logits.Length);
            for (int j = 0; j < logits.Length; j++)
            {
                error = float.Max(error, float.Abs(logits[j] - expected[j])); // NaN stays NaN
            }
        }
        return error;
    }

    private static int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];
}
