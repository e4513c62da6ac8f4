using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Costs;

/// <summary>
/// Passes over the elements that a vector instruction takes, and the lanes it takes them on. The definition of the instruction
/// (<see cref="InstructionInfo"/>) says both: a pass is a sweep over a row that needs a result of the sweep before; operations of
/// one pass follow each other in the pipeline, and a pass runs at the rate of its slowest lanes: of the special-function lanes if
/// it evaluates one of their functions for each element, else of the ALU lanes. Passes follow each other.
/// </summary>
/// <param name="Simple">Elements of passes on the ALU lanes.</param>
/// <param name="Special">Special functions evaluated: elements of passes on their lanes, and what is evaluated once a row.</param>
/// <param name="Reduces">Whether rows are reduced.</param>
/// <remarks>
/// vonline: scale and maximum, then exp(x − new) and its sum; exp(m − new) once a row. vsoftmax: maximum, then exp and sum, then e / s,
/// a division for each element. vfinish: a division for each element. vnorm: the sums (layer: mean and variance; rms: squares), then
/// the result, a product: two passes by the machine's timing rules for both, a row being at hand once it was read; divisions by the
/// width, a root and its reciprocal once a row.
/// vrope: a product and a fused one for each element with tables, no sine. vgated: the activation, the product follows it in the
/// pipeline. A function of <see cref="UnaryOp"/>, a division, a remainder or a power is one function of these lanes, whatever
/// polynomial defines its bits.
/// </remarks>
public readonly record struct VectorWork(double Simple, double Special, bool Reduces)
{
    /// <summary>Cycles to start the engine; of a reduction besides.</summary>
    public const double Latency = 24, ReductionLatency = 32;

    public double Operations => Simple + Special;

    /// <param name="aspBytes">Operands in ASP, whose port bounds them.</param>
    public double Cycles(VectorDescription vector, long aspBytes)
    {
        ArgumentNullException.ThrowIfNull(vector);
        double passes = double.Ceiling(Simple / vector.AluLanes) + double.Ceiling(Special / vector.SfuLanes);
        return Latency + (Reduces ? ReductionLatency : 0) + double.Max(passes, double.Ceiling(aspBytes / (double)vector.AspPortBytesPerCycle));
    }

    public static VectorWork Of(Instruction instruction, ReadOnlySpan<long> registers)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        return instruction switch
        {
            VectorUnary i => Pass(Elements(i.Rows, i.Columns, registers), IsSpecial(i.Op)),
            VectorBinary i => Pass(Elements(i.Rows, i.Columns, registers), i.Op is BinaryOp.Div or BinaryOp.Pow or BinaryOp.Mod or BinaryOp.Rem),
            VectorSelect i => Pass(Elements(i.Rows, i.Columns, registers), special: false),
            VectorGated i => Pass(Elements(i.Rows, i.Columns, registers), IsSpecial(i.Activation)),
            VectorIota i => Pass(Elements(i.Rows, i.Columns, registers), special: false),
            VectorReduce i => new(Elements(i.Rows, i.Columns, registers), i.Op == ReduceOp.Mean ? Count(i.Rows, registers) : 0, true),
            VectorScan i => new(2 * Elements(i.Rows, i.Columns, registers), 0, true),
            VectorNorm i => new(2 * Elements(i.Rows, i.Columns, registers), (i.Kind == NormKind.Layer ? 4 : 3) * Count(i.Rows, registers), true),
            VectorRope i => new(2 * Elements(i.Rows, Dim.Of((long)i.Heads * i.HeadDim), registers), 0, false),
            VectorSoftmax i => new(Elements(i.Rows, i.Columns, registers), 2 * Elements(i.Rows, i.Columns, registers), true),
            OnlineSoftmax i => new(Elements(i.Rows, i.Columns, registers), Elements(i.Rows, i.Columns, registers) + Count(i.Rows, registers), true),
            OnlineFinish i => Pass(Elements(i.Rows, i.Columns, registers), special: true),
            // One pass for every four results: a tournament that keeps the runners-up.
            VectorTopK i => new(Elements(i.Rows, i.Columns, registers) * ((i.Count.Resolve(registers) + 3) / 4), 0, true),
            _ => throw new InvalidOperationException($"no cost of '{instruction.Information.Mnemonic}'"),
        };
    }

    private static VectorWork Pass(double elements, bool special) => special ? new(0, elements, false) : new(elements, 0, false);

    private static double Count(Dim dim, ReadOnlySpan<long> registers) => long.Max(0, dim.Resolve(registers));

    private static double Elements(Dim rows, Dim columns, ReadOnlySpan<long> registers) => Count(rows, registers) * Count(columns, registers);

    private static bool IsSpecial(UnaryOp op) => op is >= UnaryOp.Exp and <= UnaryOp.Cos or UnaryOp.SoftCap;
}
