using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Timing;

/// <summary>Passes over the elements that a vector instruction takes, and the lanes it takes them on.</summary>
internal static class VectorWork
{
    /// <returns>Element operations (passes · elements), whether special functions bound them, whether rows are reduced.</returns>
    public static (double Operations, bool Special, bool Reduces) Of(Instruction instruction, ReadOnlySpan<long> registers) => instruction switch
    {
        VectorUnary i => (Elements(i.Rows, i.Columns, registers), IsSpecial(i.Op), false),
        VectorBinary i => (Elements(i.Rows, i.Columns, registers), i.Op is BinaryOp.Div or BinaryOp.Pow or BinaryOp.Mod or BinaryOp.Rem, false),
        VectorSelect i => (Elements(i.Rows, i.Columns, registers), false, false),
        VectorGated i => (Elements(i.Rows, i.Columns, registers), IsSpecial(i.Activation), false),
        VectorIota i => (Elements(i.Rows, i.Columns, registers), false, false),
        VectorReduce i => (Elements(i.Rows, i.Columns, registers), false, true),
        VectorScan i => (2 * Elements(i.Rows, i.Columns, registers), false, true),
        VectorNorm i => (2 * Elements(i.Rows, i.Columns, registers), false, true),
        VectorRope i => (2 * Elements(i.Rows, Dim.Of((long)i.Heads * i.HeadDim), registers), false, false),
        VectorSoftmax i => (3 * Elements(i.Rows, i.Columns, registers), true, true),
        OnlineSoftmax i => (2 * Elements(i.Rows, i.Columns, registers), true, true),
        OnlineFinish i => (Elements(i.Rows, i.Columns, registers), true, false),
        // One pass for every four results: a tournament that keeps the runners-up.
        VectorTopK i => (Elements(i.Rows, i.Columns, registers) * ((i.Count.Resolve(registers) + 3) / 4), false, true),
        _ => throw new InvalidOperationException($"no cost of '{instruction.Information.Mnemonic}'"),
    };

    private static double Elements(Dim rows, Dim columns, ReadOnlySpan<long> registers) =>
        (double)long.Max(0, rows.Resolve(registers)) * long.Max(0, columns.Resolve(registers));

    private static bool IsSpecial(UnaryOp op) => op is >= UnaryOp.Exp and <= UnaryOp.Cos or UnaryOp.SoftCap;
}
