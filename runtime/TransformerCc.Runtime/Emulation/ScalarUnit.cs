using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Kernels;

namespace TransformerCc.Runtime.Emulation;

/// <summary>The scalar instructions of the sequencer.</summary>
/// <param name="loadScalar">What a scalar load finds in ASP.</param>
internal sealed class ScalarUnit(long[] registers, long[] parameters, Func<LoadScalar, long> loadScalar)
{
    public static bool IsTaken(BranchCondition condition, long value) => condition switch
    {
        BranchCondition.Always => true,
        BranchCondition.IfZero => value == 0,
        _ => value != 0,
    };

    public void Execute(Instruction instruction)
    {
        switch (instruction)
        {
            case LoadImmediate i:
                Set(i.Dst, i.Value);
                break;
            case Scalar i:
                Set(i.Dst, Compute(i.Op, registers[i.A.Index], i.B.Resolve(registers)));
                break;
            case ScalarSelect i:
                Set(i.Dst, registers[i.Condition.Index] != 0 ? registers[i.A.Index] : registers[i.B.Index]);
                break;
            case LoadParameter i:
                long index = i.Index.Resolve(registers);
                Set(i.Dst, index >= 0 && index < parameters.Length
                    ? parameters[index]
                    : throw new TrapSignal(TrapKind.ParameterIndex, FormattableString.Invariant($"parameter {index} of {parameters.Length}")));
                break;
            case LoadScalar i:
                Set(i.Dst, loadScalar(i));
                break;
            case TrapAlways i:
                throw new TrapSignal(TrapKind.Program, FormattableString.Invariant($"the program stopped itself with code {i.Code}"));
            default:
                throw new TrapSignal(TrapKind.IllegalInstruction, $"the sequencer does not execute '{instruction.Information.Mnemonic}'");
        }
    }

    /// <summary>Two's complement, wrapping; divisions round towards minus infinity.</summary>
    public static long Compute(ScalarOp op, long a, long b) => op switch
    {
        ScalarOp.Add => unchecked(a + b),
        ScalarOp.Sub => unchecked(a - b),
        ScalarOp.Mul => unchecked(a * b),
        ScalarOp.Div => IntegerMath.FloorDivide(a, b),
        ScalarOp.CeilDiv => IntegerMath.CeilDivide(a, b),
        ScalarOp.Mod => IntegerMath.FloorModulo(a, b),
        ScalarOp.Min => long.Min(a, b),
        ScalarOp.Max => long.Max(a, b),
        // A shift by 64 or more leaves no bit (or only the sign); a negative shift counts as that too.
        ScalarOp.Shl => (ulong)b > 63 ? 0 : a << (int)b,
        ScalarOp.Shr => (ulong)b > 63 ? a >> 63 : a >> (int)b,
        ScalarOp.And => a & b,
        ScalarOp.Or => a | b,
        ScalarOp.Eq => a == b ? 1 : 0,
        ScalarOp.Ne => a != b ? 1 : 0,
        ScalarOp.Lt => a < b ? 1 : 0,
        ScalarOp.Le => a <= b ? 1 : 0,
        _ => throw new TrapSignal(TrapKind.IllegalInstruction, FormattableString.Invariant($"scalar operation {(byte)op}")),
    };

    private void Set(Reg register, long value)
    {
        if (register.Index != 0)
        {
            registers[register.Index] = value;
        }
    }
}
