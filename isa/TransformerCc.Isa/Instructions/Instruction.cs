using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>What the encoder, the assembler, the manual and dispatch need to know about a kind of instruction.</summary>
/// <param name="Opcode">First byte of the encoding.</param>
/// <param name="Mnemonic">Name in the assembly language.</param>
/// <param name="Engine">Queue it enters; null when an operand names the engine (wait, post).</param>
/// <param name="Family">Chapter of the manual: control, sync, dma, matrix, vector.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="LoopNest">The meaning: pseudo-code with shapes, formats, rounding.</param>
/// <param name="Traps">The traps it can raise beyond those of every instruction.</param>
public sealed record InstructionInfo(byte Opcode, string Mnemonic, Engine? Engine, string Family, string Summary, string LoopNest, string Traps = "");

/// <summary>
/// One TX1 instruction: a 12-byte header (opcode, flags, source tag, up to 4 acquires and 4 releases) and 52 bytes of
/// operands. Operands are declared once, by the <c>Operands</c> method of each record; encoder, decoder, assembler,
/// disassembler and manual are visitors of it.
/// </summary>
public abstract record Instruction
{
    /// <summary>Bytes of every instruction.</summary>
    public const int Size = 64;

    public const int HeaderSize = 12;

    /// <summary>Most semaphores one instruction can acquire, and most it can release.</summary>
    public const int MaxSemaphores = 4;

    /// <summary>Index into the debug table; 0 means no source.</summary>
    public ushort Tag { get; init; }

    /// <summary>Acquired before the instruction starts: one unit of each, a semaphore may repeat.</summary>
    public SemaphoreList Acquires { get; init; }

    /// <summary>Released after the instruction's effects are complete.</summary>
    public SemaphoreList Releases { get; init; }

    public abstract InstructionInfo Information { get; }

    /// <summary>The queue this instruction enters.</summary>
    public virtual Engine Engine => Information.Engine ?? Engine.Sequencer;

    private protected abstract InstructionKind DeclaredKind { get; }

    /// <summary>Shows every operand to a visitor, in encoding order.</summary>
    public void Visit<TVisitor>(ref TVisitor visitor) where TVisitor : struct, IOperandVisitor, allows ref struct => OperandDispatch.Operands(DeclaredKind, ref visitor, this);

    /// <summary>Reports every memory access, with register operands resolved by <paramref name="registers"/>.</summary>
    public virtual void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink) where TSink : struct, IAccessSink
    {
    }
}

/// <summary>Static side of an instruction record: its facts, and its operands as the one declaration.</summary>
public interface IInstruction<TSelf> where TSelf : Instruction, IInstruction<TSelf>
{
    static abstract InstructionInfo Info { get; }

    /// <summary>
    /// Visits the operands in encoding order and builds an instruction from what the visitor returns. A reading visitor
    /// (decoder, parser) is given null; a writing one (encoder, printer) returns what it was shown.
    /// </summary>
    static abstract TSelf Operands<TVisitor>(ref TVisitor v, TSelf? i) where TVisitor : struct, IOperandVisitor, allows ref struct;
}

/// <summary>Implements the instance side from the static side.</summary>
public abstract record Instruction<TSelf> : Instruction where TSelf : Instruction<TSelf>, IInstruction<TSelf>
{
    public sealed override InstructionInfo Information => TSelf.Info;

    private protected sealed override InstructionKind DeclaredKind => InstructionKind<TSelf>.Instance;
}

/// <summary>
/// Visits operands by kind. Each kind knows its encoded width: Reg 1, Byte 1, UInt16 2, Dim 4, Int64 8, Float 4, Scratch 6, Dram 7,
/// Vector 10, Format 1, Weights 1, Enum 1, Engine 1, Offset 4 bytes.
/// </summary>
public interface IOperandVisitor
{
    Reg Reg(string name, Reg? value);
    byte Byte(string name, byte? value);
    ushort UInt16(string name, ushort? value);
    Dim Dim(string name, Dim? value);
    long Int64(string name, long? value);
    /// <summary>A signed 32-bit count of instructions (branch targets, loop bodies).</summary>
    int Offset(string name, int? value);
    float Float(string name, float? value);
    /// <summary>A scratchpad address that may only lie in the spaces given.</summary>
    ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed);
    DramAddress Dram(string name, DramAddress? value);
    VectorOperand Vector(string name, VectorOperand? value);
    ElementType Format(string name, ElementType? value);
    /// <summary>A format of weights: elements or blocks.</summary>
    WeightFormat Weights(string name, WeightFormat? value);
    Engine Engine(string name, Engine? value);
    TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum;
}

/// <summary>
/// Receives the rectangular memory accesses of one instruction: rows · rowBytes, rows rowStride bytes apart. All numbers
/// are resolved; negative or absurd ones are the receiver's to refuse.
/// </summary>
public interface IAccessSink
{
    void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment);
}
