using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Instructions;

/// <summary>
/// The list of all instructions: the only place where an instruction is registered. Opcode ranges: 0x01–0x0F control,
/// 0x10–0x1F synchronisation, 0x20–0x3F DMA, 0x40–0x5F matrix, 0x60–0x7F vector, 0x80–0x8F links (reserved).
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

    private static InstructionKind<T> Kind<T>() where T : Instruction, IInstruction<T> => new InstructionKind<T>();
}

/// <summary>A kind of instruction as an object, so that readers can build an instance through the one declaration.</summary>
public abstract class InstructionKind
{
    public abstract InstructionInfo Info { get; }

    /// <summary>Builds an instruction from what the visitor returns for each operand.</summary>
    public abstract Instruction Read<TVisitor>(ref TVisitor visitor) where TVisitor : struct, IOperandVisitor, allows ref struct;
}

internal sealed class InstructionKind<T> : InstructionKind where T : Instruction, IInstruction<T>
{
    public override InstructionInfo Info => T.Info;

    public override Instruction Read<TVisitor>(ref TVisitor visitor) => T.Operands(ref visitor, null);
}
