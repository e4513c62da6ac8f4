using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>Ends the program once every engine is idle.</summary>
public sealed record Halt : Instruction<Halt>, IInstruction<Halt>
{
    public static InstructionInfo Info { get; } = new(0x01, "halt", Engine.Sequencer, "control", "Ends the program once every engine is idle.", "wait until all queues are empty; stop");

    public static Halt Operands<TVisitor>(ref TVisitor v, Halt? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new();
}

/// <summary>Stops with a trap of the program's own.</summary>
public sealed record TrapAlways(byte Code) : Instruction<TrapAlways>, IInstruction<TrapAlways>
{
    public static InstructionInfo Info { get; } = new(0x02, "trap", Engine.Sequencer, "control", "Stops with a trap of the program's own.", "trap(code)", "program trap");

    public static TrapAlways Operands<TVisitor>(ref TVisitor v, TrapAlways? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new(v.Byte("code", i?.Code));
}

/// <summary>dst = value.</summary>
public sealed record LoadImmediate(Reg Dst, long Value) : Instruction<LoadImmediate>, IInstruction<LoadImmediate>
{
    public static InstructionInfo Info { get; } = new(0x03, "li", Engine.Sequencer, "control", "Loads a 64-bit constant.", "S[dst] = value");

    public static LoadImmediate Operands<TVisitor>(ref TVisitor v, LoadImmediate? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Reg("dst", i?.Dst), v.Int64("value", i?.Value));
}

/// <summary>Two-operand operations of the sequencer, on signed 64-bit integers; overflow wraps.</summary>
public enum ScalarOp : byte
{
    Add, Sub, Mul,
    /// <summary>Rounds towards minus infinity; a zero divisor traps.</summary>
    Div,
    CeilDiv, Mod, Min, Max, Shl, Shr, And, Or,
    /// <summary>Comparisons give 1 or 0.</summary>
    Eq, Ne, Lt, Le,
}

/// <summary>dst = a op b.</summary>
public sealed record Scalar(ScalarOp Op, Reg Dst, Reg A, Dim B) : Instruction<Scalar>, IInstruction<Scalar>
{
    public static InstructionInfo Info { get; } = new(0x04, "alu", Engine.Sequencer, "control", "Integer arithmetic and comparison on scalar registers.",
        "S[dst] = S[a] op b        64-bit two's complement, wraps; div, ceildiv and mod round towards minus infinity", "division by zero");

    public static Scalar Operands<TVisitor>(ref TVisitor v, Scalar? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("op", i?.Op), v.Reg("dst", i?.Dst), v.Reg("a", i?.A), v.Dim("b", i?.B));
}

/// <summary>dst = condition ≠ 0 ? a : b.</summary>
public sealed record ScalarSelect(Reg Dst, Reg Condition, Reg A, Reg B) : Instruction<ScalarSelect>, IInstruction<ScalarSelect>
{
    public static InstructionInfo Info { get; } = new(0x05, "sel", Engine.Sequencer, "control", "Chooses one of two registers.", "S[dst] = S[condition] != 0 ? S[a] : S[b]");

    public static ScalarSelect Operands<TVisitor>(ref TVisitor v, ScalarSelect? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Reg("dst", i?.Dst), v.Reg("condition", i?.Condition), v.Reg("a", i?.A), v.Reg("b", i?.B));
}

/// <summary>dst = parameter[index].</summary>
public sealed record LoadParameter(Reg Dst, Dim Index) : Instruction<LoadParameter>, IInstruction<LoadParameter>
{
    public static InstructionInfo Info { get; } = new(0x06, "ldp", Engine.Sequencer, "control", "Reads a word of the parameter block.", "S[dst] = parameters[index]", "parameter index out of range");

    public static LoadParameter Operands<TVisitor>(ref TVisitor v, LoadParameter? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Reg("dst", i?.Dst), v.Dim("index", i?.Index));
}

/// <summary>dst = an integer in ASP.</summary>
public sealed record LoadScalar(Reg Dst, ScratchAddress Address, ElementType Format) : Instruction<LoadScalar>, IInstruction<LoadScalar>
{
    public static InstructionInfo Info { get; } = new(0x07, "lds", Engine.Sequencer, "control",
        "Reads an integer from ASP (expert ids, lengths, page tables). Order after its producer with an acquire.", "S[dst] = sign- or zero-extended ASP[address] of the integer format", "format is not an integer");

    public static LoadScalar Operands<TVisitor>(ref TVisitor v, LoadScalar? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Reg("dst", i?.Dst), v.Scratch("address", i?.Address, MemorySpace.Asp), v.Format("format", i?.Format));

    public override void Footprint<TSink>(ReadOnlySpan<long> registers, ref TSink sink)
    {
        var f = new FootprintBuilder<TSink>(registers, ref sink);
        f.Block(Address, 1, 0, Format.Size(), isWrite: false, Format.Size());
    }
}

/// <summary>Repeats the instructions that follow.</summary>
public sealed record Loop(Dim Count, Reg Counter, int Body) : Instruction<Loop>, IInstruction<Loop>
{
    /// <summary>Loops may nest this deep.</summary>
    public const int MaxDepth = 8;

    public static InstructionInfo Info { get; } = new(0x08, "loop", Engine.Sequencer, "control",
        "Repeats the next instructions; the back edge is free. The count is read once; 0 skips the body.",
        "n = count\nfor S[counter] = 0 .. n-1: execute the next `body` instructions", "loop depth above 8; negative count; body past the end of the program");

    public static Loop Operands<TVisitor>(ref TVisitor v, Loop? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Dim("count", i?.Count), v.Reg("counter", i?.Counter), v.Offset("body", i?.Body));
}

public enum BranchCondition : byte { Always, IfZero, IfNotZero }

/// <summary>Skips forward inside the same loop body.</summary>
public sealed record Branch(BranchCondition Condition, Reg Value, int Skip) : Instruction<Branch>, IInstruction<Branch>
{
    public static InstructionInfo Info { get; } = new(0x09, "branch", Engine.Sequencer, "control", "Skips instructions of the same loop body.",
        "if condition(S[value]): skip the next `skip` instructions        skip >= 0; the target lies in the same loop body or at its end", "target outside the loop body");

    public static Branch Operands<TVisitor>(ref TVisitor v, Branch? i) where TVisitor : struct, IOperandVisitor, allows ref struct =>
        new(v.Enum("condition", i?.Condition), v.Reg("value", i?.Value), v.Offset("skip", i?.Skip));
}

/// <summary>Acquires on the queue of an engine: later instructions of that engine start after it.</summary>
public sealed record Wait(Engine On) : Instruction<Wait>, IInstruction<Wait>
{
    public static InstructionInfo Info { get; } = new(0x10, "wait", null, "sync", "Acquires semaphores on an engine's queue (or the sequencer).", "acquire every listed semaphore in the order of `on`", "semaphore ownership");

    public override Engine Engine => On;

    public static Wait Operands<TVisitor>(ref TVisitor v, Wait? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new(v.Engine("on", i?.On));
}

/// <summary>Releases from the queue of an engine, after all its earlier instructions.</summary>
public sealed record Post(Engine On) : Instruction<Post>, IInstruction<Post>
{
    public static InstructionInfo Info { get; } = new(0x11, "post", null, "sync", "Releases semaphores from an engine's queue (or the sequencer), after all its earlier instructions.", "release every listed semaphore in the order of `on`", "semaphore ownership; count above 65535");

    public override Engine Engine => On;

    public static Post Operands<TVisitor>(ref TVisitor v, Post? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new(v.Engine("on", i?.On));
}

/// <summary>The sequencer waits until every engine is idle.</summary>
public sealed record Fence : Instruction<Fence>, IInstruction<Fence>
{
    public static InstructionInfo Info { get; } = new(0x12, "fence", Engine.Sequencer, "sync", "The sequencer waits until every engine is idle.", "wait until all queues are empty");

    public static Fence Operands<TVisitor>(ref TVisitor v, Fence? i) where TVisitor : struct, IOperandVisitor, allows ref struct => new();
}
