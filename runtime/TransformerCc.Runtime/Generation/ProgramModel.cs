using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// A compiled language model: inputs tokens [batch, length], past [batch] and lengths [batch], output logits [batch,
/// vocabulary] of the last position or [batch, length, vocabulary], caches as states. Where the output next_token [batch] or
/// [batch, length] says which logits are largest, nobody reads the others to choose greedily.
/// </summary>
public sealed class ProgramModel : ILanguageModel
{
    public const string NoLanguageModel = "TCC5205";

    public const string Logits = "logits", NextToken = "next_token";

    private const string Tokens = "tokens", Past = "past", Lengths = "lengths";

    private readonly LoadedProgram _program;
    private readonly DimExpr _batch;
    private readonly bool _findsLikeliest;
    private readonly Dictionary<string, long> _uppers;

    /// <exception cref="DiagnosticException">TCC5205: the program has other inputs and outputs, or no cache.</exception>
    public ProgramModel(LoadedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        TensorSymbol? tokens = Find(TensorKind.Input, Tokens), logits = Find(TensorKind.Output, Logits);
        if (tokens is not { Type: ElementType.I64, Shape.Length: 2 } || logits is not { Type: ElementType.F32, Shape.Length: 2 or 3 } || Find(TensorKind.Input, Past) is null)
        {
            throw new DiagnosticException(Diagnostic.Error(NoLanguageModel, "the program is no language model with a cache: it needs the inputs tokens [batch, length] and past [batch] and the output logits", null, "run it with --inputs and --outputs"));
        }
        if (!tokens.Shape[1].Symbols.Any() && !tokens.Shape[1].Is(1))
        {
            throw new DiagnosticException(Diagnostic.Error(NoLanguageModel, $"every run of the program takes exactly {tokens.Shape[1]} tokens", null, "compile it without --bind length"));
        }
        _batch = tokens.Shape[0];
        _findsLikeliest = FindNextToken(program.Image) is not null;
        DimExpr length = tokens.Shape[1];
        _uppers = program.Image.Dimensions.ToDictionary(d => d.Name, d => d.Upper, StringComparer.Ordinal);
        MaxSequences = Upper(_batch);
        MaxContext = _uppers.TryGetValue("context", out long context) ? context
            : States.Where(s => s.State!.Mode == StateMode.Append).Select(s => Upper(s.Shape[StateDescription.SlotAxis])).DefaultIfEmpty(Upper(length)).Min();
        // A circular cache must not lose what the first token of a run still sees.
        MaxLength = States.Where(s => s.State!.Mode == StateMode.Circular).Select(s => long.Max(1, Upper(s.Shape[StateDescription.SlotAxis]) - s.State!.Window + 1)).Append(Upper(length)).Min();
    }

    public long MaxSequences { get; }

    public long MaxContext { get; }

    public long MaxLength { get; }

    private IEnumerable<TensorSymbol> States => _program.Image.Tensors.Where(t => t.Kind == TensorKind.State);

    /// <exception cref="DiagnosticException">The caches do not fit (<see cref="SessionState.Create(LoadedProgram, long, long)"/>).</exception>
    public ISequences Begin(int sequences, long context)
    {
        // A dimension that was bound when the program was compiled has one value: rows that are not needed are padding.
        int rows = _batch.Symbols.Any() ? sequences : (int)MaxSequences;
        return new Sequences(this, sequences, rows, SessionState.Create(_program, rows, context));
    }

    /// <summary>The output that says which of each row of logits is largest; null where the program does not look.</summary>
    public static TensorSymbol? FindNextToken(ProgramImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Find(image, TensorKind.Output, NextToken) is { Type: ElementType.I64 } token && Find(image, TensorKind.Output, Logits) is { Type: ElementType.F32 } logits
            && token.Shape.Length + 1 == logits.Shape.Length && token.Shape.SequenceEqual(logits.Shape[..^1]) ? token : null;
    }

    private TensorSymbol? Find(TensorKind kind, string name) => Find(_program.Image, kind, name);

    private static TensorSymbol? Find(ProgramImage image, TensorKind kind, string name) => image.Tensors.FirstOrDefault(t => t.Kind == kind && t.Name == name);

    private long Upper(DimExpr size) => size.Evaluate(_uppers);

    private sealed class Sequences(ProgramModel model, int count, int rows, SessionState state) : ISequences
    {
        private readonly Session _session = new(model._program);

        public void End(int sequence) => state.Release(sequence);

        public IReadOnlyList<Prediction> Run(IReadOnlyList<int[]> tokens, long[] past, long[] lengths, CancellationToken cancellation)
        {
            int length = tokens[0].Length;
            var ids = new long[rows * length];
            long[] pasts = new long[rows], valid = new long[rows];
            Array.Fill(valid, 1);
            for (int row = 0; row < count; row++)
            {
                tokens[row].Select(t => (long)t).ToArray().CopyTo(ids, row * length);
                (pasts[row], valid[row]) = (past[row], lengths[row]);
            }
            var inputs = new Dictionary<string, Tensor>(StringComparer.Ordinal)
            {
                [Tokens] = Tensor.From<long>(ElementType.I64, [rows, length], ids),
                [Past] = Tensor.From<long>(ElementType.I64, [rows], pasts),
            };
            if (model.Find(TensorKind.Input, Lengths) is not null)
            {
                inputs[Lengths] = Tensor.From<long>(ElementType.I64, [rows], valid);
            }
            IReadOnlyDictionary<string, Tensor> outputs = _session.Run(inputs, new RunOptions { State = state, Cancellation = cancellation }).Outputs;
            Tensor logits = outputs[Logits];
            int bytes = (int)logits.Shape[^1] * sizeof(float);
            var predictions = new Prediction[count];
            for (int i = 0; i < count; i++)
            {
                int row = (int)(logits.Rank == 2 ? i : (i * length) + valid[i] - 1);
                predictions[i] = new Prediction(logits.Data.Slice(row * bytes, bytes), model._findsLikeliest ? outputs[NextToken].AsSpan<long>()[row] : null);
            }
            return predictions;
        }
    }
}
