namespace TransformerCc.Isa.Instructions;

/// <summary>
/// From a kind of instruction to the <c>Operands</c> method of its record. A virtual generic method would need no list, but
/// what is reached through one is not compiled ahead of time: ReadyToRun leaves it to the run, and Native AOT fails there.
/// </summary>
internal static class OperandDispatch
{
    public static Instruction Operands<TVisitor>(InstructionKind kind, ref TVisitor v, Instruction? i) where TVisitor : struct, IOperandVisitor, allows ref struct => kind switch
    {
        InstructionKind<Halt> => Halt.Operands(ref v, (Halt?)i),
        InstructionKind<TrapAlways> => TrapAlways.Operands(ref v, (TrapAlways?)i),
        InstructionKind<LoadImmediate> => LoadImmediate.Operands(ref v, (LoadImmediate?)i),
        InstructionKind<Scalar> => Scalar.Operands(ref v, (Scalar?)i),
        InstructionKind<ScalarSelect> => ScalarSelect.Operands(ref v, (ScalarSelect?)i),
        InstructionKind<LoadParameter> => LoadParameter.Operands(ref v, (LoadParameter?)i),
        InstructionKind<LoadScalar> => LoadScalar.Operands(ref v, (LoadScalar?)i),
        InstructionKind<Loop> => Loop.Operands(ref v, (Loop?)i),
        InstructionKind<Branch> => Branch.Operands(ref v, (Branch?)i),
        InstructionKind<Wait> => Wait.Operands(ref v, (Wait?)i),
        InstructionKind<Post> => Post.Operands(ref v, (Post?)i),
        InstructionKind<Fence> => Fence.Operands(ref v, (Fence?)i),
        InstructionKind<LoadWeights> => LoadWeights.Operands(ref v, (LoadWeights?)i),
        InstructionKind<Load> => Load.Operands(ref v, (Load?)i),
        InstructionKind<Store> => Store.Operands(ref v, (Store?)i),
        InstructionKind<Gather> => Gather.Operands(ref v, (Gather?)i),
        InstructionKind<Scatter> => Scatter.Operands(ref v, (Scatter?)i),
        InstructionKind<Fill> => Fill.Operands(ref v, (Fill?)i),
        InstructionKind<Copy> => Copy.Operands(ref v, (Copy?)i),
        InstructionKind<MatMul> => MatMul.Operands(ref v, (MatMul?)i),
        InstructionKind<VectorUnary> => VectorUnary.Operands(ref v, (VectorUnary?)i),
        InstructionKind<VectorBinary> => VectorBinary.Operands(ref v, (VectorBinary?)i),
        InstructionKind<VectorSelect> => VectorSelect.Operands(ref v, (VectorSelect?)i),
        InstructionKind<VectorGated> => VectorGated.Operands(ref v, (VectorGated?)i),
        InstructionKind<VectorIota> => VectorIota.Operands(ref v, (VectorIota?)i),
        InstructionKind<VectorReduce> => VectorReduce.Operands(ref v, (VectorReduce?)i),
        InstructionKind<VectorNorm> => VectorNorm.Operands(ref v, (VectorNorm?)i),
        InstructionKind<VectorRope> => VectorRope.Operands(ref v, (VectorRope?)i),
        InstructionKind<VectorSoftmax> => VectorSoftmax.Operands(ref v, (VectorSoftmax?)i),
        InstructionKind<OnlineSoftmax> => OnlineSoftmax.Operands(ref v, (OnlineSoftmax?)i),
        InstructionKind<OnlineFinish> => OnlineFinish.Operands(ref v, (OnlineFinish?)i),
        InstructionKind<VectorScan> => VectorScan.Operands(ref v, (VectorScan?)i),
        InstructionKind<VectorTopK> => VectorTopK.Operands(ref v, (VectorTopK?)i),
        _ => throw new InvalidOperationException($"{kind.Info.Mnemonic} is missing in the list of instructions"),
    };
}
