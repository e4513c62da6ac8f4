using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Instructions;

/// <summary>
/// The list of all instructions, where an instruction is registered; <see cref="OperandDispatch"/> has a case of each.
/// Opcode ranges: 0x01–0x0F control, 0x10–0x1F synchronisation, 0x20–0x3F DMA, 0x40–0x5F matrix, 0x60–0x7F vector,
/// 0x80–0x8F links (reserved).
/// </summary>
public static class InstructionSet
{
    public static IReadOnlyList<InstructionKind> All { get; } =
    [
        Kind<Halt>(), Kind<TrapAlways>(), Kind<LoadImmediate>(), Kind<Scalar>(), Kind<ScalarSelect>(), Kind<LoadParameter>(), Kind<LoadScalar>(), Kind<Loop>(), Kind<Branch>(),
        Kind<Wait>(), Kind<Post>(), Kind<Fence>(),
        Kind<LoadWeights>(), Kind<Load>(), Kind<Store>(), Kind<Gather>(), Kind<Scatter>(), Kind<Fill>(), Kind<Copy>(),
        Kind<MatMul>(),
        Kind<VectorUnary>(), Kind<VectorBinary>(), Kind<VectorSelect>(), Kind<VectorGated>(), Kind<VectorIota>(), Kind<VectorReduce>(), Kind<VectorNorm>(), Kind<VectorRope>(), Kind<VectorSoftmax>(), Kind<OnlineSoftmax>(), Kind<OnlineFinish>(), Kind<VectorScan>(), Kind<VectorTopK>(),
    ];

    public static InstructionKind? FindOpcode(byte opcode) => All.FirstOrDefault(k => k.Info.Opcode == opcode);

    public static InstructionKind? FindMnemonic(string mnemonic) => All.FirstOrDefault(k => k.Info.Mnemonic == mnemonic);

    private static InstructionKind<T> Kind<T>() where T : Instruction, IInstruction<T> => InstructionKind<T>.Instance;
}

/// <summary>A kind of instruction as an object, so that readers can build an instance through the one declaration.</summary>
public abstract class InstructionKind
{
    public abstract InstructionInfo Info { get; }

    /// <summary>Builds an instruction from what the visitor returns for each operand.</summary>
    public Instruction Read<TVisitor>(ref TVisitor visitor) where TVisitor : struct, IOperandVisitor, allows ref struct => OperandDispatch.Operands(this, ref visitor, null);
}

internal sealed class InstructionKind<T> : InstructionKind where T : Instruction, IInstruction<T>
{
    public static readonly InstructionKind<T> Instance = new();

    public override InstructionInfo Info => T.Info;
}
