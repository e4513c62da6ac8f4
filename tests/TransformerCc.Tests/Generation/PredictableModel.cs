using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tests.Generation;

/// <summary>
/// A model without arithmetic: the logits depend on the whole sequence through a hash, so that a token lost, repeated or put
/// in another sequence changes everything that follows. It holds what a real one holds: positions, not more.
/// </summary>
internal sealed class PredictableModel(int vocabulary = 50, long maxContext = 64, long maxLength = 64, long maxSequences = 8) : ILanguageModel
{
    public long MaxSequences => maxSequences;

    public long MaxContext => maxContext;

    public long MaxLength => maxLength;

    /// <summary>Tokens of each run: rows times length.</summary>
    public List<(int Rows, int Length)> Runs { get; } = [];

    /// <summary>Called before each run.</summary>
    public Action<int>? BeforeRun { get; set; }

    public ISequences Begin(int sequences, long context)
    {
        Assert.InRange(context, 1, maxContext);
        return new Sequences(this, sequences, context);
    }

    private sealed class Sequences(PredictableModel model, int count, long context) : ISequences
    {
        private readonly List<int>[] _held = [.. Enumerable.Range(0, count).Select(_ => new List<int>())];

        public IReadOnlyList<Prediction> Run(IReadOnlyList<int[]> rows, long[] past, long[] lengths, CancellationToken cancellation)
        {
            model.BeforeRun?.Invoke(model.Runs.Count);
            cancellation.ThrowIfCancellationRequested();
            Assert.Equal(count, rows.Count);
            int length = rows[0].Length;
            Assert.InRange(length, 1, model.MaxLength);
            model.Runs.Add((count, length));
            var predictions = new Prediction[count];
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(length, rows[i].Length);
                Assert.InRange(past[i], 0, long.Min(_held[i].Count, context - length));
                Assert.InRange(lengths[i], 1, length);
                _held[i] = [.. _held[i].Take((int)past[i]), .. rows[i]];
                predictions[i] = new(model.Logits(_held[i].Take((int)(past[i] + lengths[i]))));
            }
            return predictions;
        }
    }

    private float[] Logits(IEnumerable<int> sequence)
    {
        uint hash = sequence.Aggregate(2166136261u, (h, t) => (h ^ (uint)t) * 16777619u);
        var random = new Random((int)hash);
        return [.. Enumerable.Range(0, vocabulary).Select(_ => random.NextSingle() * 8)];
    }
}
