using System.Runtime.InteropServices;
using TransformerCc.Isa;
using TransformerCc.Isa.Numerics;

namespace TransformerCc.Runtime.Generation.Sampling;

/// <summary>
/// Chooses the tokens of one sequence. The filters come in llama.cpp's default order: repetition penalty, top-k, top-p,
/// min-p, temperature, and probabilities of top-p and min-p are those before the temperature. Functions and order of sums
/// are fixed, so that a choice does not depend on the machine.
/// </summary>
public sealed class Sampler
{
    public const string NoNumber = "TCC5214";

    private readonly SamplingOptions _options;
    private readonly RandomSource _random;
    private readonly Queue<int> _recent = new();

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public Sampler(SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Problem is null ? options : throw new ArgumentException(options.Problem, nameof(options));
        _random = new RandomSource(options.Seed);
    }

    /// <summary>A token has become part of the sequence.</summary>
    public void Accept(int token)
    {
        _recent.Enqueue(token);
        while (_recent.Count > _options.RepeatWindow)
        {
            _recent.Dequeue();
        }
    }

    /// <summary>The next token; it is not accepted yet.</summary>
    /// <param name="likeliest">The first of the largest logits, where that is known: if it alone decides, no other is read.</param>
    /// <exception cref="DiagnosticException">TCC5214: there is no largest logit.</exception>
    public int Choose(ReadOnlySpan<float> logits, long? likeliest = null)
    {
        if (_options.Temperature == 0 && _options.RepeatPenalty == 1)
        {
            // What is no number there is left to those who look at all.
            return likeliest is >= 0 and long token && token < logits.Length && logits[(int)token] > float.NegativeInfinity ? (int)token : Largest(logits);
        }
        float[] penalised = logits.ToArray();
        Penalise(penalised);
        int largest = Largest(penalised);
        return _options.Temperature == 0 ? largest : Draw(Filter(penalised));
    }

    /// <summary>The first of the largest numbers.</summary>
    private static int Largest(ReadOnlySpan<float> logits)
    {
        int best = -1;
        for (int i = 0; i < logits.Length; i++)
        {
            best = logits[i] > (best < 0 ? float.NegativeInfinity : logits[best]) ? i : best;
        }
        return best >= 0 ? best : throw new DiagnosticException(Diagnostic.Error(NoNumber, "no logit is a number above minus infinity: the model's output is broken", null, "run the program with --check, and verify it against the model"));
    }

    private void Penalise(Span<float> logits)
    {
        int count = logits.Length;
        foreach (int token in _recent.Distinct().Where(t => _options.RepeatPenalty != 1 && t < count))
        {
            logits[token] = logits[token] <= 0 ? logits[token] * _options.RepeatPenalty : logits[token] / _options.RepeatPenalty;
        }
    }

    /// <summary>The candidates, the most likely first, of equal ones the lower id.</summary>
    private List<(int Token, float Logit)> Filter(float[] logits)
    {
        List<(int Token, float Logit)> candidates = [.. logits.Select((logit, token) => (token, logit)).Where(c => !float.IsNaN(c.logit))];
        candidates.Sort(static (a, b) => b.Logit.CompareTo(a.Logit) is not 0 and int order ? order : a.Token.CompareTo(b.Token));
        Keep(_options.TopK > 0 ? _options.TopK : candidates.Count);
        if (_options.TopP < 1)
        {
            (float[] weights, double sum) = Softmax(candidates, 1);
            double reached = 0;
            int kept = 0;
            while (kept < weights.Length && reached < _options.TopP * sum)
            {
                reached += weights[kept++];
            }
            Keep(int.Max(kept, 1));
        }
        if (_options.MinP > 0)
        {
            float least = candidates[0].Logit + Elementary.Log(_options.MinP);
            Keep(int.Max(candidates.Count(c => c.Logit >= least), 1));
        }
        return candidates;

        void Keep(int count)
        {
            if (count < candidates.Count)
            {
                candidates.RemoveRange(count, candidates.Count - count);
            }
        }
    }

    private int Draw(List<(int Token, float Logit)> candidates)
    {
        (float[] weights, double sum) = Softmax(candidates, _options.Temperature);
        double target = _random.NextDouble() * sum, reached = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            reached += weights[i];
            if (reached > target)
            {
                return candidates[i].Token;
            }
        }
        return candidates[^1].Token;
    }

    /// <summary>exp of the distance to the largest logit, and the sum in order.</summary>
    private static (float[] Weights, double Sum) Softmax(List<(int Token, float Logit)> candidates, float temperature)
    {
        var weights = new float[candidates.Count];
        ReadOnlySpan<(int Token, float Logit)> span = CollectionsMarshal.AsSpan(candidates);
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            float distance = span[i].Logit - span[0].Logit;
            weights[i] = i == 0 ? 1 : Elementary.Exp(float.IsNaN(distance) ? 0 : distance / temperature);
            sum += weights[i];
        }
        return (weights, sum);
    }
}
