using TransformerCc.Isa;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tests.Generation;

/// <summary>
/// Compiled models on the emulator: how a prompt is cut into runs, and which other prompts run beside it, shows in no bit of
/// the logits.
/// </summary>
public sealed class BatchTests
{
    private const int Steps = 6;

    private static readonly string[] s_prompts = ["Once upon a time", "Lily went to the park with her mom and saw a big red ball", "The", "One day, a little boy named Tim found a shiny stone in his garden. He was"];

    [DataTheory("gguf")]
    [InlineData("stories260k-f32")]
    [InlineData("stories260k-q8_0")]
    [InlineData("qwen2-q4_k_m")]
    [InlineData("gemma-f32")]
    public void Any_split_of_a_prompt_gives_the_same_bits(string name)
    {
        var model = new ProgramModel(CompiledModel.Load(name));
        int[] prompt = [.. TokenizerFiles.Create($"gguf/{name}.gguf").Encode(s_prompts[3]).Take(40)];
        List<byte[]> whole = Logits(model, [prompt], [prompt.Length])[0];
        foreach (int chunk in (int[])[1, 7, 32, 33])
        {
            Assert.Equal(whole, Logits(model, [prompt], [chunk])[0]);
        }
    }

    [DataTheory("gguf")]
    [InlineData("stories260k-f32")]
    [InlineData("rnd256-q6_k")]
    [InlineData("gpt2-f16")]
    public void Four_prompts_in_a_batch_give_the_bits_of_each_alone(string name)
    {
        var model = new ProgramModel(CompiledModel.Load(name));
        Tokenizer tokenizer = TokenizerFiles.Create($"gguf/{name}.gguf");
        int[][] prompts = [.. s_prompts.Select(p => tokenizer.Encode(p).Take(24).ToArray())];
        List<byte[]>[] together = Logits(model, prompts, [24, 5, 24, 11]);
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(Logits(model, [prompts[i]], [24])[0], together[i]);
        }
    }

    [DataFact("gguf")]
    public async Task A_batch_of_texts_is_each_text_alone()
    {
        var generator = new Generator(CompiledModel.Load("stories260k-f32"));
        var options = new GenerationOptions { MaxTokens = 24, Stop = ["."] };
        List<GeneratedToken>[] together = await CompiledModel.Collect(generator.GenerateAsync(s_prompts, options), s_prompts.Length);
        for (int i = 0; i < s_prompts.Length; i++)
        {
            List<GeneratedToken> alone = (await CompiledModel.Collect(generator.GenerateAsync(s_prompts[i], options), 1))[0];
            Assert.Equal(alone.Select(s => (s.Token, s.Text, s.Finish)), together[i].Select(s => (s.Token, s.Text, s.Finish)));
        }
        Assert.Equal(", there was a little girl named Lily", string.Concat(together[0].Select(s => s.Text)));
    }

    /// <summary>The stories model was made for 128 positions.</summary>
    [DataFact("gguf")]
    public async Task A_context_fills_to_its_last_position_and_no_further()
    {
        var generator = new Generator(CompiledModel.Load("stories260k-f32"));
        int[] prompt = [.. generator.Tokenizer!.Encode(string.Join(' ', Enumerable.Repeat(s_prompts[1], 12))).Take(126)];
        List<GeneratedToken> steps = (await CompiledModel.Collect(generator.GenerateAsync([prompt], new GenerationOptions { IgnoreEnd = true, MaxTokens = 50 }), 1))[0];
        Assert.Equal((3, FinishReason.ContextFull), (steps.Count, steps[^1].Finish));
        Assert.Single((await CompiledModel.Collect(generator.GenerateAsync([[.. prompt, 5, 6]], new GenerationOptions { IgnoreEnd = true, MaxTokens = 50 }), 1))[0]);
        Assert.Equal("TCC5210", Assert.Throws<DiagnosticException>(() => generator.GenerateAsync([[.. prompt, 5, 6, 7]])).Diagnostics[0].Code);
    }

    /// <summary>The bytes of the logits behind each prompt and behind each of the tokens that follow greedily.</summary>
    /// <param name="chunks">Tokens of each prompt in one run.</param>
    private static List<byte[]>[] Logits(ProgramModel model, int[][] prompts, int[] chunks)
    {
        List<byte[]>[] found = [.. prompts.Select(_ => new List<byte[]>())];
        Queue<int>[] pending = [.. prompts.Select(p => new Queue<int>(p))];
        long[] past = new long[prompts.Length];
        ISequences sequences = model.Begin(prompts.Length, prompts.Max(p => p.Length) + (chunks.Max() * 2) + Steps);
        while (found.Any(f => f.Count < Steps))
        {
            int[][] rows = [.. pending.Select((p, i) => Enumerable.Range(0, int.Min(chunks[i], p.Count)).Select(_ => p.Dequeue()).ToArray())];
            int length = rows.Max(r => r.Length);
            IReadOnlyList<Prediction> predictions = sequences.Run([.. rows.Select(r => r.Concat(new int[length - r.Length]).ToArray())], past, [.. rows.Select(r => (long)r.Length)], CancellationToken.None);
            for (int i = 0; i < prompts.Length; i++)
            {
                past[i] += rows[i].Length;
                if (pending[i].Count == 0)
                {
                    float[] values = predictions[i].Logits.ToArray();
                    found[i].Add([.. values.SelectMany(BitConverter.GetBytes)]);
                    int likeliest = Array.IndexOf(values, values.Max());
                    Assert.Equal(likeliest, predictions[i].Likeliest);
                    pending[i].Enqueue(likeliest);
                }
            }
        }
        return [.. found.Select(f => f.Take(Steps).ToList())];
    }
}
