using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>Scalar arithmetic, loops and branches, seen through what the program stores.</summary>
public sealed class SequencerTests
{
    private static readonly Reg s_result = new(20), s_address = new(21);

    [Theory]
    [InlineData(ScalarOp.Add, long.MaxValue, 1, long.MinValue)]
    [InlineData(ScalarOp.Mul, -3, 4, -12)]
    [InlineData(ScalarOp.Div, -7, 2, -4)]
    [InlineData(ScalarOp.Div, long.MinValue, -1, long.MinValue)]
    [InlineData(ScalarOp.CeilDiv, 7, 2, 4)]
    [InlineData(ScalarOp.CeilDiv, -7, 2, -3)]
    [InlineData(ScalarOp.Mod, -7, 3, 2)]
    [InlineData(ScalarOp.Mod, 7, -3, -2)]
    [InlineData(ScalarOp.Shl, 1, 63, long.MinValue)]
    [InlineData(ScalarOp.Shl, 1, 64, 0)]
    [InlineData(ScalarOp.Shr, -8, 1, -4)]
    [InlineData(ScalarOp.Shr, -8, 100, -1)]
    [InlineData(ScalarOp.Le, 3, 3, 1)]
    [InlineData(ScalarOp.Lt, 3, 3, 0)]
    public void Scalar_operation(ScalarOp op, long a, long b, long expected)
    {
        Assert.Equal(expected, ScalarUnit.Compute(op, a, b));
        Assert.Equal(expected, Result(new LoadImmediate(new Reg(1), a), new LoadImmediate(new Reg(2), b), new Scalar(op, s_result, new Reg(1), new Reg(2))));
    }

    [Fact]
    public void Nested_loops_count()
    {
        Reg i = new(1), j = new(2), ten = new(3), digit = new(4);
        // The last pass leaves i = 2 and j = 1; the body with count 0 is skipped.
        Assert.Equal(6 * 100 + 21, Result(
            new LoadImmediate(ten, 10), new Loop(3, i, 3), new Loop(2, j, 1), new Scalar(ScalarOp.Add, s_result, s_result, 100), new Loop(0, digit, 0),
            new Scalar(ScalarOp.Mul, digit, i, ten), new Scalar(ScalarOp.Add, s_result, s_result, digit), new Scalar(ScalarOp.Add, s_result, s_result, j)));
    }

    [Fact]
    public void Branches_skip_and_select_chooses()
    {
        Reg zero = default, one = new(1);
        Assert.Equal(2 + 8, Result(
            new LoadImmediate(one, 1),
            new Branch(BranchCondition.IfZero, zero, 1), new Scalar(ScalarOp.Add, s_result, s_result, 1),
            new Branch(BranchCondition.IfNotZero, zero, 1), new Scalar(ScalarOp.Add, s_result, s_result, 2),
            new Branch(BranchCondition.Always, zero, 1), new Scalar(ScalarOp.Add, s_result, s_result, 4),
            new ScalarSelect(new Reg(5), one, new Reg(6), one), new Branch(BranchCondition.IfNotZero, new Reg(5), 1), new Scalar(ScalarOp.Add, s_result, s_result, 8)));
    }

    [Fact]
    public void Register_zero_stays_zero() => Assert.Equal(0, Result(new LoadImmediate(default, 5), new Scalar(ScalarOp.Add, s_result, default, 0)));

    [Fact]
    public void Scalars_come_back_from_ASP() => Assert.Equal(-2, Result(
        new LoadImmediate(new Reg(1), 0xfffe), new Fill(new(MemorySpace.Asp, 128), ElementType.I16, 0, 1, 1, new Reg(1)), new LoadScalar(s_result, new(MemorySpace.Asp, 128), ElementType.I16)));

    /// <summary>The result register after the instructions, by way of an output.</summary>
    private static long Result(params Instruction[] code)
    {
        var program = new TestProgram();
        int output = program.Tensor("y", TensorKind.Output, ElementType.I64, 1);
        program.Add(code).Add(
            new LoadParameter(s_address, output), new Fill(new(MemorySpace.Asp, 0), ElementType.I64, 0, 1, 1, s_result) { Releases = SemaphoreList.Of(9) },
            new Store(new(s_address), ElementType.I64, new(MemorySpace.Asp, 0), ElementType.I64, TestProgram.Line(1), TestProgram.Bytes(8), 0, 0, 8) { Acquires = SemaphoreList.Of(9) });
        return program.Run().Outputs["y"].AsSpan<long>()[0];
    }
}
