using System.Collections.Immutable;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.Manual;

/// <summary>What the manual says that no single instruction declares.</summary>
internal static class MachineText
{
    public static ImmutableArray<(Engine Engine, string Does)> EngineTexts { get; } =
    [
        (Engine.Sequencer, "runs scalar and control instructions itself; hands every other instruction, in program order, to the queue of its engine"),
        (Engine.WeightDma, "DMA of the weight stream, DRAM to the ring in WSP"),
        (Engine.DmaIn, "every other DMA inward, and gather"),
        (Engine.DmaOut, "DMA to DRAM"),
        (Engine.Copy, "fill, and copies between scratchpads"),
        (Engine.Matrix, "the matrix arrays: one issue queue in order"),
        (Engine.Vector, "vector instructions"),
        (Engine.Link, "links to other chips; no instruction of this version uses it"),
    ];

    public static ImmutableArray<(string Space, string Text)> Memories { get; } =
    [
        ("dram", "weights (read-only), inputs, outputs, spill; 48-bit byte addresses, bursts of 64 bytes"),
        ("wsp", "weight scratchpad: weight panels and blocks of keys and values; rows start on lines of 64 bytes"),
        ("asp", "activation scratchpad; DMA addresses it by element, rows of the matrix and vector engines start on lines of 64 bytes"),
        ("acc", "accumulators, f32 or i32: rows of 128 lanes, 512 bytes"),
        ("s0 … s63", "64-bit scalar registers of the sequencer; s0 reads 0. Register operands are read when the instruction is dispatched"),
        ("parameters", "64-bit words the host writes before a run: lengths and tensor addresses; word 0 is the address of the weights"),
    ];

    public static ImmutableArray<(int Offset, int Bytes, string Name, string Text)> Header { get; } =
    [
        (OperandLayout.OpcodeOffset, 1, "opcode", "which instruction"),
        (OperandLayout.FlagsOffset, 1, "flags", "reserved, zero"),
        (OperandLayout.TagOffset, 2, "tag", "index into the debug table; 0 is no source"),
        (OperandLayout.AcquiresOffset, 4, "acquire", "up to four semaphores, one unit each, taken before the instruction starts; used places first, then zeros"),
        (OperandLayout.ReleasesOffset, 4, "release", "up to four semaphores, one unit each, given after the instruction's effects are complete"),
        (Instruction.HeaderSize, OperandLayout.OperandBytes, "operands", "packed in the order of the tables below; what is left is zero"),
    ];

    public static ImmutableArray<(string Kind, int Bytes, string Text)> Kinds { get; } =
    [
        ("reg", OperandLayout.Reg, "scalar register, 0 to 63"),
        ("byte", OperandLayout.Byte, "unsigned integer"),
        ("u16", OperandLayout.UInt16, "unsigned integer"),
        ("dim", OperandLayout.Dim, "dimension, count or stride: bit 31 clear, an immediate; bit 31 set, a register in bits 0 to 5, the others zero"),
        ("i64", OperandLayout.Int64, "signed integer"),
        ("count", OperandLayout.Offset, "number of instructions, 0 to 2147483647"),
        ("float", OperandLayout.Float, "IEEE binary32"),
        ("scratch", OperandLayout.Scratch, "memory 1 byte, register 1, offset 4: the address is register + offset"),
        ("dram", OperandLayout.Dram, "register 1 byte, offset 6: the address is register + offset"),
        ("vector", OperandLayout.Vector, "memory (0 asp, 1 acc) in bits 0 to 1 and format in bits 2 to 7 of byte 0; register in bits 0 to 5 and column stride in bit 6 of byte 1; offset 4 bytes; row stride as dim"),
        ("format", OperandLayout.Format, "format of elements, by its code"),
        ("weights", OperandLayout.Weights, "format of elements, or of blocks, by its code"),
        ("engine", OperandLayout.Engine, "engine, by its number"),
        ("choice", OperandLayout.Enum, "one of the values listed with the operand"),
    ];

    public static ImmutableArray<string> OrderRules { get; } =
    [
        "Every instruction takes 64 bytes, little-endian.",
        "An engine may overlap its own instructions, but their effects are as if executed one by one, and it ends them in order.",
        "Between engines, order exists only through semaphores. Each of the 255 semaphores is released by exactly one engine and acquired by exactly one; all start at 0 and hold at most 65535. The k-th acquired unit follows the k-th released unit.",
        "Program order is a legal sequential execution. If no acquire finds too small a count in it, no parallel execution deadlocks.",
        "Element (r, c) of a vector operand lies at address + r·row + c·column·size, the column stride being 1, or 0 to repeat one element along the row. A row stride of 0 repeats one row.",
    ];

    public static ImmutableArray<string> NumericRules { get; } =
    [
        "Round to nearest even; denormals are kept; a NaN result is 0x7FC00000. Minimum and maximum are those of IEEE 754-2019.",
        "Matrix products: operands widened to f32 exactly; groups of 32 in k; within a group p = fma(a, w, p) from +0 in ascending k; then acc = acc + p, groups ascending. Weights in blocks: w is the integer code, groups are the format's (16 or 32), acc = fma(scale, p, acc), then acc = fma(-minimum, sum of a over the group, acc) where there are minimums. The bits depend on neither tile, array size nor chip.",
        "Row sums: 16 lanes, element i into lane i mod 16 in ascending i, then a tree over distances 8, 4, 2, 1. Variance takes two passes.",
        "Division and square root are correctly rounded; rsqrt is 1/sqrt, rounded twice. exp, log, erf, tanh, sin, cos and pow are polynomials of fixed operations: the same bits on every host.",
        "Float to integer truncates towards zero and saturates; between integers the low bits are kept.",
        "Softmax is IEEE: a row of -inf gives NaN. Only the limits of the online softmax give 0 for an empty row; what lies outside them is skipped, not multiplied.",
    ];

    public static ImmutableArray<string> BlockRules { get; } =
    [
        "A weight is scale * code - minimum; its scale and minimum are those of its group. Bytes count from the start of the block, bits from the lowest.",
        "Codes: `w at byte o in runs of r`: r consecutive weights have the lowest w bits of r consecutive bytes from o on, the next r weights the bits above, until the bytes are full; then the next r bytes follow. Several such fields make one number, the first lowest.",
        "Scale: each product rounded to f32, from left to right, a factor in front last. `4.6:2` is two bits of byte 4 from bit 6 on.",
        "A row of a table (gather) is blocks one after another. In a panel (mm) the blocks of neighbouring columns stand side by side: byte j of block b of column n at (b * bytes + j) * w_row + n.",
        "The codes of types that panels repack: the layouts of GGUF (ggml-common.h of ggml).",
    ];

    public static ImmutableArray<string> Traps { get; } =
    [
        "illegal opcode, reserved bits or operand value",
        "address outside its memory",
        "misaligned address or stride",
        "negative dimension",
        "semaphore taken or given by a second engine, or counted above 65535",
    ];
}
