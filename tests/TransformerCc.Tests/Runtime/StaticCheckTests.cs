using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>The proof that a program cannot deadlock, and the structure that loading demands.</summary>
public sealed class StaticCheckTests
{
    private static readonly Reg s_n = new(1), s_i = new(2);
    private static readonly Instruction s_post = new Post(Engine.DmaIn) { Releases = SemaphoreList.Of(1) }, s_wait = new Wait(Engine.Vector) { Acquires = SemaphoreList.Of(1) };

    public static TheoryData<string, FindingKind?, Instruction[]> Programs => new()
    {
        { "hand-over in a loop of any length", null, [new Loop(s_n, s_i, 2), s_post, s_wait] },
        { "released ahead of a loop that passes units on", null, [s_post, new Loop(s_n, s_i, 2), s_wait, s_post, s_wait] },
        { "acquire first", FindingKind.Deadlock, [s_wait, s_post] },
        { "loop that takes one unit more each time", FindingKind.Deadlock, [s_post, s_post, new Loop(3, s_i, 1), s_wait] },
        { "loop that takes what was released before", null, [s_post, s_post, s_post, new Loop(3, s_i, 1), s_wait] },
        { "unknown number of releases", FindingKind.Undecided, [new Loop(s_n, s_i, 1), s_post] },
        { "too many releases", FindingKind.Overflow, [new Loop(70000, s_i, 1), s_post] },
        { "release on one way only", FindingKind.Undecided, [new Branch(BranchCondition.IfZero, s_n, 1), s_post, new Fence()] },
        { "hand-over on one way only", null, [new Branch(BranchCondition.IfZero, s_n, 2), s_post, s_wait, new Fence()] },
        { "both ways release", null, [new Branch(BranchCondition.IfZero, s_n, 2), s_post, new Branch(BranchCondition.Always, default, 1), s_post, s_wait] },
        { "two releasers", FindingKind.ChannelEnds, [s_post, s_wait, new Post(Engine.Matrix) { Releases = SemaphoreList.Of(1) }, s_wait] },
    };

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_is_judged(string what, FindingKind? expected, Instruction[] code)
    {
        IReadOnlyList<Finding> findings = StaticChecks.Run(new EntryPoint("main", [.. code, new Halt()]));
        Assert.True(expected is null ? findings.Count == 0 : findings.Any(f => f.Kind == expected), $"{what}: {string.Join("; ", findings)}");
    }

    [Theory]
    [InlineData("TCC5006", 1, 9)]
    [InlineData("TCC5005", 0, 0)]
    public void Body_and_end_lie_in_the_program(string code, int loops, int body)
    {
        Instruction[] program = [.. Enumerable.Repeat<Instruction>(new Loop(1, s_i, body), loops), .. loops > 0 ? [new Halt()] : Array.Empty<Instruction>()];
        Assert.Contains(code, Refused(program));
    }

    [Fact]
    public void Loops_nest_eight_deep()
    {
        Instruction[] Nest(int depth) => [.. Enumerable.Range(0, depth).Select(d => new Loop(1, s_i, depth - d)), new Fence(), new Halt()];
        Assert.Empty(Refused(Nest(Loop.MaxDepth)));
        Assert.Contains("TCC5007", Refused(Nest(Loop.MaxDepth + 1)));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(5, false)]
    public void Branches_stay_in_their_body(int skip, bool fine)
    {
        // loop { branch; fence; } fence; halt: the branch may reach the end of the body.
        Instruction[] inner = [new Loop(1, s_i, 3), new Branch(BranchCondition.Always, default, skip), new Fence(), new Fence(), new Fence(), new Halt()];
        Assert.Equal(fine, Refused(inner).Count == 0);

        // branch over a loop, but not into it.
        Instruction[] outer = [new Branch(BranchCondition.Always, default, 1), new Loop(1, s_i, 1), new Fence(), new Halt()];
        Assert.Contains("TCC5008", Refused(outer));
    }

    [Fact]
    public void Other_chip_is_refused()
    {
        ProgramImage image = new TestProgram().Image() with { ChipFingerprint = "00" };
        Assert.Equal("TCC5001", Assert.Throws<DiagnosticException>(() => LoadedProgram.Load(image, TestProgram.Chip)).Diagnostics[0].Code);
    }

    [Fact]
    public void Program_memory_bounds_the_program()
    {
        TestProgram program = new TestProgram().Add([.. Enumerable.Repeat<Instruction>(new Fence(), TestProgram.Chip.Memory.ProgramBytes / Instruction.Size)]);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => LoadedProgram.Load(program.Image(), TestProgram.Chip));
        Assert.Equal(("TCC5003", FailureKind.DoesNotFit), (e.Diagnostics[0].Code, e.Kind));
    }

    private static List<string> Refused(Instruction[] code)
    {
        ProgramImage image = new TestProgram().Image() with { EntryPoints = [new EntryPoint("main", [.. code])] };
        try
        {
            LoadedProgram.Load(image, TestProgram.Chip).Dispose();
            return [];
        }
        catch (DiagnosticException e)
        {
            return [.. e.Diagnostics.Select(d => d.Code)];
        }
    }
}
