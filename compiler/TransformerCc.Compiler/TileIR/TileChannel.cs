using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// An order between two engines that a lowering makes itself, where a schedule is known that goes across loops: each unit
/// that one engine gives is taken once by the other, in program order. Every loop body gives as many units as it takes.
/// </summary>
/// <param name="credits">Units that are there at the program's start, and again at its end.</param>
public sealed class TileChannel(string name, Engine from, Engine to, int credits)
{
    public string Name { get; } = name;

    public Engine From { get; } = from;

    public Engine To { get; } = to;

    public int Credits { get; } = credits;

    public override string ToString() => Name;
}
