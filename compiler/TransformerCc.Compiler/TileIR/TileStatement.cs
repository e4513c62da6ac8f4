using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// One instruction with buffers instead of addresses. Operands carry the names of the instruction's declaration, so that
/// a new instruction needs nothing here.
/// </summary>
public sealed class TileStatement(InstructionKind kind, IReadOnlyList<NamedOperand> operands, ushort tag) : TileNode
{
    public InstructionKind Kind { get; } = kind;

    public IReadOnlyList<NamedOperand> Operands { get; } = operands;

    /// <summary>Index into the program's debug table.</summary>
    public ushort Tag { get; } = tag;

    /// <summary>
    /// Rows that it touches at most, of operands with rows; 0 where nothing is known. What its order needs can then be told row by row.
    /// The verifier proves it of <see cref="Rows"/>.
    /// </summary>
    public int MostRows { get; internal set; }

    /// <summary>Rows of its tiles; null where it has none.</summary>
    public DimExpr? Rows => ((Find("rows") ?? Find("m")) as DimOperand)?.Value;

    public Engine Engine => Kind.Info.Engine ?? ((EngineOperand)Operands.First(o => o.Value is EngineOperand).Value).Engine;

    /// <summary>Units that the lowering has the statement take before it starts, and give when it ends.</summary>
    public List<TileChannel> Takes { get; } = [];

    /// <inheritdoc cref="Takes"/>
    public List<TileChannel> Gives { get; } = [];

    /// <summary>Semaphores, filled by the channel assignment.</summary>
    public List<byte> Acquires { get; } = [];

    public List<byte> Releases { get; } = [];

    /// <summary>The operand of a name; null when the statement has none of it.</summary>
    public TileOperand? Find(string name)
    {
        foreach (NamedOperand o in Operands)
        {
            if (o.Name == name)
            {
                return o.Value;
            }
        }
        return null;
    }

    /// <summary>The statement with other buffers in places of the same size; itself where it uses none of them.</summary>
    public TileStatement Replace(IReadOnlyDictionary<TileBuffer, TileBuffer> buffers) =>
        Operands.Any(o => o.Value is ScratchOperand s && buffers.ContainsKey(s.Buffer))
            ? With([.. Operands.Select(o => o.Value is ScratchOperand s && buffers.TryGetValue(s.Buffer, out TileBuffer? other) ? new NamedOperand(o.Name, s with { Buffer = other }) : o)])
            : this;

    private TileStatement With(IReadOnlyList<NamedOperand> operands)
    {
        var statement = new TileStatement(Kind, operands, Tag) { MostRows = MostRows };
        statement.Takes.AddRange(Takes);
        statement.Gives.AddRange(Gives);
        return statement;
    }

    /// <summary>
    /// Whether an operand is written. In every instruction the operands called dst, result and state are, and no other.
    /// </summary>
    public static bool IsWritten(string operandName) => operandName is "dst" or "result" or "state";
}

public sealed record NamedOperand(string Name, TileOperand Value)
{
    public override string ToString() => $"{Name}={Value}";
}
