using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Emulation;

/// <summary>Why an instruction could not be executed.</summary>
public enum TrapKind
{
    IllegalInstruction,
    /// <summary>An access leaves its memory, or lies in no DRAM segment.</summary>
    OutOfSpace,
    /// <summary>A write to DRAM that the program may only read: weights and inputs.</summary>
    ReadOnly,
    Misalignment,
    /// <summary>A negative or absurd count or stride.</summary>
    BadDimension,
    GatherIndex,
    /// <summary>An acquire without a unit, a count above 65535, or a second engine at one end of a channel.</summary>
    Semaphore,
    LoopDepth,
    ParameterIndex,
    DivisionByZero,
    /// <summary>The <c>trap</c> instruction.</summary>
    Program,
}

/// <summary>A failed instruction: what, where in the program, and the model's node behind it.</summary>
/// <param name="EntryPoint">Name of the entry point that ran.</param>
/// <param name="Index">Index of the instruction in the entry point; its program address is 64 times that.</param>
/// <param name="Instruction">The instruction's text.</param>
/// <param name="Debug">What the instruction came from; null when the program holds no entry for its tag.</param>
public sealed record Trap(TrapKind Kind, string Message, string EntryPoint, int Index, string Instruction, DebugEntry? Debug)
{
    internal Diagnostic ToDiagnostic() => Diagnostic.Error(Code, $"trap: {Message}", $"{EntryPoint}[{Index}] {Instruction}{DebugText.Of(Debug)}");

    private string Code => FormattableString.Invariant($"TCC{5100 + (int)Kind}");
}

/// <summary>The program stopped with a trap.</summary>
public sealed class TrapException(Trap trap, IReadOnlyList<Checking.Finding> findings) : DiagnosticException(trap.ToDiagnostic(), FailureKind.Failed)
{
    public Trap Trap => trap;

    /// <summary>What checking mode had found before.</summary>
    public IReadOnlyList<Checking.Finding> Findings => findings;
}

/// <summary>Raised where the fault is seen; the machine adds the instruction and makes it a <see cref="TrapException"/>.</summary>
internal sealed class TrapSignal(TrapKind kind, string message) : Exception(message)
{
    public TrapKind Kind => kind;
}

internal static class DebugText
{
    /// <summary>" (attention/scores of node block0.attn, from /layers.0/MatMul)", or nothing.</summary>
    public static string Of(DebugEntry? d) =>
        d is null || (d.Operation.Length == 0 && d.Node.Length == 0) ? "" : $" ({d.Operation} of node {d.Node}{(d.Source.Length == 0 ? "" : $", from {d.Source}")})";
}
