using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Costs;

/// <summary>
/// What one executed instruction costs, from its resolved operands and the chip description: cycles of its engine (DMA:
/// what it asks of DRAM), and the events that take energy. The rules stand in the README of the timing model.
/// </summary>
public readonly record struct InstructionCost
{
    public AccessTotals Traffic { get; init; }

    /// <summary>From start to end, of the vector and copy engines.</summary>
    public double Cycles { get; init; }

    /// <summary>Lower bound of a DMA transfer's data phase: the scratchpad's port.</summary>
    public double PortCycles { get; init; }

    /// <summary>Of a product; default for others.</summary>
    public MatrixCost Matrix { get; init; }

    public double VectorOperations { get; init; }

    public static InstructionCost Of(Instruction instruction, ReadOnlySpan<long> registers, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(chip);
        var traffic = new AccessTotals();
        instruction.Footprint(registers, ref traffic);
        switch (instruction)
        {
            case Wait or Post:
                return default;
            case MatMul m:
                return new InstructionCost { Traffic = traffic, Matrix = Product(m, registers, chip.Matrix) };
            case Gather g:
                return Transfer(GatherTraffic(g, registers), chip);
            case Scatter s:
                return Transfer(ScatterTraffic(s, registers), chip);
        }
        if (instruction.Engine == Engine.Vector)
        {
            var work = VectorWork.Of(instruction, registers);
            return new InstructionCost { Traffic = traffic, VectorOperations = work.Operations, Cycles = work.Cycles(chip.Vector, traffic.Asp) };
        }
        return Transfer(traffic, chip);
    }

    private static MatrixCost Product(MatMul i, ReadOnlySpan<long> registers, MatrixDescription matrix) =>
        MatrixCost.Of(matrix, MatrixCost.ClassOf(i.AFormat, i.WFormat), i.M.Resolve(registers), i.K.Resolve(registers), i.N.Resolve(registers), i.FirstArray, i.ArrayCount);

    private static InstructionCost Transfer(AccessTotals traffic, ChipDescription chip)
    {
        double port = TransferCost.PortCycles(traffic.Scratch, chip.Dma);
        return new InstructionCost { Traffic = traffic, PortCycles = port, Cycles = port };
    }

    /// <summary>The footprint of a gather is its whole table; what moves are the rows asked for.</summary>
    private static AccessTotals GatherTraffic(Gather g, ReadOnlySpan<long> registers)
    {
        long rows = g.Rows.Resolve(registers), columns = g.Columns.Resolve(registers);
        return Rows(rows, g.TableFormat.RowBytes(columns), (columns * g.DstFormat.Size()) + g.IndexFormat.Size());
    }

    private static AccessTotals ScatterTraffic(Scatter s, ReadOnlySpan<long> registers)
    {
        long rows = s.Rows.Resolve(registers), columns = s.Columns.Resolve(registers);
        return Rows(rows, columns * s.DstFormat.Size(), (columns * s.SrcFormat.Size()) + s.IndexFormat.Size());
    }

    private static AccessTotals Rows(long rows, long dramBytes, long scratchBytes)
    {
        var traffic = new AccessTotals();
        // A stride that no row has: every row is a run of its own.
        traffic.Access(MemorySpace.Dram, 0, rows, -1, dramBytes, isWrite: false, 1);
        traffic.Access(MemorySpace.Asp, 0, rows, -1, scratchBytes, isWrite: false, 1);
        return traffic;
    }
}
