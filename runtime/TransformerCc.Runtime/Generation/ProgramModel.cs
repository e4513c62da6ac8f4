using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// A compiled language model: inputs tokens [batch, length], past [batch] and lengths [batch], output logits [batch,
/// vocabulary] of the last position or [batch, length, vocabulary], caches as states.
/// </summary>
public sealed class ProgramModel : ILanguageModel
{
    public const string NoLanguageModel = "TCC5205";

    private const string Tokens = "tokens", Past = "past", Lengths = "lengths", Logits = "logits";

    private readonly LoadedProgram _program;
    private readonly DimExpr _batch;
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

    private TensorSymbol? Find(TensorKind kind, string name) => _program.Image.Tensors.FirstOrDefault(t => t.Kind == kind && t.Name == name);

    private long Upper(DimExpr size) => size.Evaluate(_uppers);

    private sealed class Sequences(ProgramModel model, int count, int rows, SessionState state) : ISequences
    {
        private readonly Session _session = new(model._program);

        public void End(int sequence) => state.Release(sequence);

        public IReadOnlyList<ReadOnlyMemory<float>> Run(IReadOnlyList<int[]> tokens, long[] past, long[] lengths, CancellationToken cancellation)
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
            Tensor logits = _session.Run(inputs, new RunOptions { State = state, Cancellation = cancellation }).Outputs[Logits];
            int vocabulary = (int)logits.Shape[^1];
            return [.. Enumerable.Range(0, count).Select(row => (ReadOnlyMemory<float>)logits.AsSpan<float>().Slice((int)(logits.Rank == 2 ? row : (row * length) + valid[row] - 1) * vocabulary, vocabulary).ToArray())];
        }
    }
}
