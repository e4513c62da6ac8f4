using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>The instructions of the DMA, matrix and vector engines, each to its kernel.</summary>
internal static class EngineDispatch
{
    /// <summary>Executes an instruction whose accesses were checked.</summary>
    public static void Execute(EngineContext x, Instruction instruction)
    {
        switch (instruction)
        {
            case MatMul i: MatMulKernel.Run(x, i); break;
            case LoadWeights i: DmaKernels.Run(x, i); break;
            case Load i: DmaKernels.Run(x, i); break;
            case Store i: DmaKernels.Run(x, i); break;
            case Gather i: DmaKernels.Run(x, i); break;
            case Scatter i: ScatterKernel.Run(x, i); break;
            case Fill i: DmaKernels.Run(x, i); break;
            case Copy i: DmaKernels.Run(x, i); break;
            case VectorUnary i: UnaryKernel.Run(x, i); break;
            case VectorBinary i: BinaryKernel.Run(x, i); break;
            case VectorSelect i: SelectKernels.Run(x, i); break;
            case VectorGated i: UnaryKernel.Run(x, i); break;
            case VectorIota i: SelectKernels.Run(x, i); break;
            case VectorReduce i: ReduceKernel.Run(x, i); break;
            case VectorNorm i: NormKernel.Run(x, i); break;
            case VectorRope i: RopeKernel.Run(x, i); break;
            case VectorSoftmax i: SoftmaxKernels.Run(x, i); break;
            case OnlineSoftmax i: SoftmaxKernels.Run(x, i); break;
            case OnlineFinish i: SoftmaxKernels.Run(x, i); break;
            case VectorScan i: ScanKernel.Run(x, i); break;
            case VectorTopK i: TopKKernel.Run(x, i); break;
            default: throw new TrapSignal(TrapKind.IllegalInstruction, $"no engine executes '{instruction.Information.Mnemonic}'");
        }
    }
}
