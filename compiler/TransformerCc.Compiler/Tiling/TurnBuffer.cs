using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A buffer that engines use in turns, the first one filling it and the last one leaving it free again. The turns are
/// ordered by channels of their own, so they may be anywhere: the engine that fills goes ahead across loops.
/// </summary>
internal sealed class TurnBuffer
{
    private readonly TileBuilder _builder;

    /// <summary>From each turn to the next; the last leads back to the first.</summary>
    private readonly TileChannel[] _channels;

    public TurnBuffer(TileBuilder builder, TileBuffer buffer, string name, params ReadOnlySpan<Engine> engines)
    {
        (_builder, Buffer, _channels) = (builder, buffer, new TileChannel[engines.Length]);
        for (int i = 0; i < engines.Length; i++)
        {
            Engine from = engines[i], to = engines[(i + 1) % engines.Length];
            _channels[i] = builder.Channel($"{name}:{from.Name()}>{to.Name()}", from, to, i == engines.Length - 1 ? 1 : 0);
        }
    }

    public TileBuffer Buffer { get; }

    public int Turns => _channels.Length;

    /// <param name="turn">Number of the engine, in the order of turns.</param>
    /// <param name="emit">Builds its statements: one at least, and all of this engine.</param>
    public void Turn(int turn, Action emit)
    {
        Begin(turn);
        emit();
        _builder.Give(_channels[turn]);
    }

    /// <summary>The next statement begins a turn.</summary>
    public void Begin(int turn) => _builder.Take(_channels[(turn + _channels.Length - 1) % _channels.Length]);

    /// <summary>Ends a turn with whatever statement of it was the last.</summary>
    public void End(int turn) => _builder.Post(_channels[turn]);
}
