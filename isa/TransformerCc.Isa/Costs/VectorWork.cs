using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Costs;

/// <summary>Passes over the elements that a vector instruction takes, and the lanes it takes them on.</summary>
/// <param name="Operations">Element operations: passes · elements.</param>
/// <param name="Special">Whether special functions bound them, which have lanes of their own.</param>
/// <param name="Reduces">Whether rows are reduced.</param>
public readonly record struct VectorWork(double Operations, bool Special, bool Reduces)
{
    /// <summary>Cycles to start the engine; of a reduction besides.</summary>
    public const double Latency = 24, ReductionLatency = 32;

    /// <param name="aspBytes">Operands in ASP, whose port bounds them.</param>
    public double Cycles(VectorDescription vector, long aspBytes)
    {
        ArgumentNullException.ThrowIfNull(vector);
        double lanes = Special ? vector.SfuLanes : vector.AluLanes;
        return Latency + (Reduces ? ReductionLatency : 0) + double.Max(double.Ceiling(Operations / lanes), double.Ceiling(aspBytes / (double)vector.AspPortBytesPerCycle));
    }

    public static VectorWork Of(Instruction instruction, ReadOnlySpan<long> registers)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        return instruction switch
        {
            VectorUnary i => new(Elements(i.Rows, i.Columns, registers), IsSpecial(i.Op), false),
            VectorBinary i => new(Elements(i.Rows, i.Columns, registers), i.Op is BinaryOp.Div or BinaryOp.Pow or BinaryOp.Mod or BinaryOp.Rem, false),
            VectorSelect i => new(Elements(i.Rows, i.Columns, registers), false, false),
            VectorGated i => new(Elements(i.Rows, i.Columns, registers), IsSpecial(i.Activation), false),
            VectorIota i => new(Elements(i.Rows, i.Columns, registers), false, false),
            VectorReduce i => new(Elements(i.Rows, i.Columns, registers), false, true),
            VectorScan i => new(2 * Elements(i.Rows, i.Columns, registers), false, true),
            VectorNorm i => new(2 * Elements(i.Rows, i.Columns, registers), false, true),
            VectorRope i => new(2 * Elements(i.Rows, Dim.Of((long)i.Heads * i.HeadDim), registers), false, false),
            VectorSoftmax i => new(3 * Elements(i.Rows, i.Columns, registers), true, true),
            OnlineSoftmax i => new(2 * Elements(i.Rows, i.Columns, registers), true, true),
            OnlineFinish i => new(Elements(i.Rows, i.Columns, registers), true, false),
            // One pass for every four results: a tournament that keeps the runners-up.
            VectorTopK i => new(Elements(i.Rows, i.Columns, registers) * ((i.Count.Resolve(registers) + 3) / 4), false, true),
            _ => throw new InvalidOperationException($"no cost of '{instruction.Information.Mnemonic}'"),
        };
    }

    private static double Elements(Dim rows, Dim columns, ReadOnlySpan<long> registers) =>
        (double)long.Max(0, rows.Resolve(registers)) * long.Max(0, columns.Resolve(registers));

    private static bool IsSpecial(UnaryOp op) => op is >= UnaryOp.Exp and <= UnaryOp.Cos or UnaryOp.SoftCap;
}
