using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Loader;

/// <summary>
/// What must hold of program text before it runs: every instruction has an encoding; loop bodies lie inside the program
/// and inside each other, at most eight deep; branches stay in their body; nothing can run past the end.
/// </summary>
internal static class ProgramStructure
{
    public static void Check(EntryPoint entry, DiagnosticList diagnostics)
    {
        ImmutableArray<Instruction> code = entry.Instructions;
        byte[] encoding = new byte[Instruction.Size];
        for (int i = 0; i < code.Length; i++)
        {
            try
            {
                InstructionEncoder.Encode(code[i], encoding);
            }
            catch (ArgumentException e)
            {
                diagnostics.Add(Diagnostic.Error("TCC5004", $"illegal instruction: {e.Message}", At(entry, i)));
            }
        }
        if (code.Length == 0 || code[^1] is not (Halt or TrapAlways))
        {
            diagnostics.Add(Diagnostic.Error("TCC5005", "the program does not end with 'halt'", At(entry, code.Length)));
        }
        CheckBody(entry, 0, code.Length, 0, diagnostics);
    }

    /// <summary>Checks [start, end), the instructions of one loop body, and the bodies within.</summary>
    private static void CheckBody(EntryPoint entry, int start, int end, int depth, DiagnosticList diagnostics)
    {
        // Places of this body, as opposed to those inside a nested one: the targets that its branches may have.
        var places = new HashSet<long>();
        var branches = new List<int>();
        int i = start;
        while (i < end)
        {
            places.Add(i);
            int next = i + 1;
            switch (entry.Instructions[i])
            {
                case Loop loop when loop.Body < 0 || loop.Body > end - next:
                    diagnostics.Add(Diagnostic.Error("TCC5006", $"the loop's body of {loop.Body} instructions passes the end of {(depth == 0 ? "the program" : "the surrounding loop")} at {end}", At(entry, i)));
                    break;
                case Loop when depth == Loop.MaxDepth:
                    diagnostics.Add(Diagnostic.Error("TCC5007", $"loops nest deeper than {Loop.MaxDepth}", At(entry, i)));
                    break;
                case Loop loop:
                    CheckBody(entry, next, next + loop.Body, depth + 1, diagnostics);
                    next += loop.Body;
                    break;
                case Branch:
                    branches.Add(i);
                    break;
            }
            i = next;
        }
        // The end of a loop's body is a place too: the back edge. The end of the program is none.
        if (depth > 0)
        {
            places.Add(end);
        }
        foreach (int b in branches)
        {
            int skip = ((Branch)entry.Instructions[b]).Skip;
            if (skip < 0 || !places.Contains((long)b + 1 + skip))
            {
                diagnostics.Add(Diagnostic.Error("TCC5008", $"the branch over {skip} instructions leaves its loop body or enters another", At(entry, b)));
            }
        }
    }

    private static string At(EntryPoint entry, int index) => FormattableString.Invariant($"{entry.Name}[{index}]");
}
