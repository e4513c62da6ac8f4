using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa;

public sealed class EncodingTests
{
    [Fact]
    public void Opcodes_and_mnemonics_are_unique()
    {
        Assert.Equal(InstructionSet.All.Count, InstructionSet.All.Select(k => k.Info.Opcode).Distinct().Count());
        Assert.Equal(InstructionSet.All.Count, InstructionSet.All.Select(k => k.Info.Mnemonic).Distinct(StringComparer.Ordinal).Count());
    }

    [Property(MaxTest = 300)]
    public void Decode_inverts_encode(int seed)
    {
        byte[] bytes = new byte[Instruction.Size];
        foreach (Instruction instruction in RandomOperands.OneOfEachKind(seed))
        {
            InstructionEncoder.Encode(instruction, bytes);
            Assert.True(InstructionDecoder.TryDecode(bytes, out Instruction? decoded, out string? error), error);
            Assert.Equal(instruction, decoded);
        }
    }

    [Property(MaxTest = 300)]
    public void Random_bytes_never_throw_and_what_decodes_encodes_to_the_same_bytes(int seed)
    {
        var random = new Random(seed);
        byte[] bytes = new byte[Instruction.Size];
        byte[] again = new byte[Instruction.Size];
        foreach (InstructionKind kind in InstructionSet.All)
        {
            // A legal instruction with a few damaged bytes reaches further than noise does.
            InstructionEncoder.Encode(new RandomOperands(seed).Next(kind), bytes);
            for (int n = random.Next(4); n > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            if (InstructionDecoder.TryDecode(bytes, out Instruction? decoded, out string? error))
            {
                InstructionEncoder.Encode(decoded, again);
                Assert.Equal(bytes, again);
            }
            else
            {
                Assert.NotEmpty(error);
            }
        }
        random.NextBytes(bytes);
        InstructionDecoder.TryDecode(bytes, out _, out _);
    }

    public static TheoryData<string, int, byte, string> Refusals => new()
    {
        { "halt", 0, 0xff, "illegal opcode 0xff" },
        { "halt", 1, 1, "halt: reserved flags are not zero" },
        { "halt", 12, 1, "halt: reserved bytes after the operands are not zero" },
        { "halt", 5, 1, "halt: an empty place precedes an acquired semaphore" },
        { "halt", 11, 1, "halt: an empty place precedes a released semaphore" },
        { "li", 12, 64, "li: operand dst: there is no register 64" },
        { "alu", 12, 200, "alu: operand op: 200 is no ScalarOp" },
        { "wait", 12, 8, "wait: operand on: 8 is no Engine" },
        { "ldp", 16, 0x81, "ldp: operand index: 0x81000000 is neither an immediate nor a register" },
        { "loop", 20, 0x80, "loop: operand body: -2147483648 is negative" },
        { "loadw", 12, 0, "loadw: operand dst: memory 0 cannot be addressed by this operand" },
        { "lds", 19, 63, "lds: operand format: 63 is no ElementType" },
        { "vsoftmax", 12, 2, "vsoftmax: operand dst: the vector engine reaches ASP and ACC only" },
        { "vsoftmax", 12, 0xfc, "vsoftmax: operand dst: 63 is no ElementType" },
        { "vsoftmax", 13, 0x80, "vsoftmax: operand dst: there is no register 128" },
        { "vnorm", 40, 2, "vnorm: byte 40 is 0x02, where 0x01 is the encoding of the same" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Illegal_bytes_are_refused_with_the_reason(string mnemonic, int at, byte value, string expected)
    {
        byte[] bytes = new byte[Instruction.Size];
        Instruction blank = mnemonic switch
        {
            "loadw" => new LoadWeights(new(MemorySpace.Wsp, 0), default, 64),
            _ => InstructionKindOf(mnemonic).Read(ref s_blank),
        };
        InstructionEncoder.Encode(blank, bytes);
        bytes[at] = value;
        Assert.False(InstructionDecoder.TryDecode(bytes, out _, out string? error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void Short_text_is_refused_with_its_place()
    {
        byte[] text = new byte[100];
        InstructionEncoder.Encode(new Halt(), text);
        Diagnostic diagnostic = Assert.Single(Assert.Throws<DiagnosticException>(() => InstructionDecoder.DecodeAll(text, "main")).Diagnostics);
        Assert.Equal("TCC4101", diagnostic.Code);
        Assert.Equal("main, instruction 1, byte 64", diagnostic.Location);
    }

    [Fact]
    public void Encoding_refuses_what_has_no_encoding()
    {
        byte[] bytes = new byte[Instruction.Size];
        Assert.Throws<ArgumentException>(() => InstructionEncoder.Encode(new LoadImmediate(new Reg(64), 0), bytes));
        Assert.Throws<ArgumentException>(() => InstructionEncoder.Encode(new LoadWeights(new(MemorySpace.Asp, 0), default, 64), bytes));
        Assert.Throws<ArgumentException>(() => InstructionEncoder.Encode(new LoadWeights(new(MemorySpace.Wsp, 0), new(Reg.Zero, 1L << 48), 64), bytes));
        Assert.Throws<ArgumentException>(() => InstructionEncoder.Encode(new VectorSoftmax(new(default, 0, ElementType.F32, 2), default, 1, 1), bytes));
    }

    private static BlankOperands s_blank;

    private static InstructionKind InstructionKindOf(string mnemonic) => InstructionSet.FindMnemonic(mnemonic)!;

    /// <summary>Zeros everywhere.</summary>
    private struct BlankOperands : IOperandVisitor
    {
        public readonly Reg Reg(string name, Reg? value) => default;
        public readonly byte Byte(string name, byte? value) => 0;
        public readonly ushort UInt16(string name, ushort? value) => 0;
        public readonly Dim Dim(string name, Dim? value) => default;
        public readonly long Int64(string name, long? value) => 0;
        public readonly int Offset(string name, int? value) => 0;
        public readonly float Float(string name, float? value) => 0;
        public readonly ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed) => new(allowed[0], 0);
        public readonly DramAddress Dram(string name, DramAddress? value) => default;
        public readonly VectorOperand Vector(string name, VectorOperand? value) => default;
        public readonly ElementType Format(string name, ElementType? value) => default;
        public readonly WeightFormat Weights(string name, WeightFormat? value) => default;
        public readonly Engine Engine(string name, Engine? value) => default;
        public readonly TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => default;
    }
}
