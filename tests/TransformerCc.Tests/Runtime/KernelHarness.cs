using System.Runtime.InteropServices;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;
using Xunit;

namespace TransformerCc.Tests.Runtime;

/// <summary>
/// Runs one instruction on the machine and on the naive reference, over equal memories of random numbers, and compares
/// every byte of every memory: the result is right, and nothing else was touched.
/// </summary>
internal sealed unsafe class KernelHarness : IDisposable
{
    public const long DramBase = 1 << 20;
    public const int ScratchBytes = 1 << 19, DramBytes = 1 << 17;

    /// <summary>s10 points to the writable start of DRAM.</summary>
    public static readonly Reg DramPointer = new(10);

    private readonly byte* _dram = (byte*)NativeMemory.AlignedAlloc(DramBytes, 64);
    private readonly ScratchMemory _scratch;
    private readonly Memories _memories;

    public KernelHarness(int seed)
    {
        MemoryDescription sizes = TestProgram.Chip.Memory with { AspBytes = ScratchBytes, AccBytes = ScratchBytes, WspBytes = ScratchBytes };
        Chip = TestProgram.Chip with { Memory = sizes, Matrix = TestProgram.Chip.Matrix with { Arrays = 2 } };
        _scratch = new ScratchMemory(sizes);
        _memories = new Memories(_scratch, new DramMap([new DramSegment("dram", TensorKind.Scratch, DramBase, DramBytes, _dram)]));
        var random = new Random(seed);
        foreach (MemorySpace space in Enum.GetValues<MemorySpace>())
        {
            foreach (ref float f in MemoryMarshal.Cast<byte, float>(Bytes(space)))
            {
                f = random.Next(200) switch { 0 => float.NaN, 1 => float.NegativeInfinity, 2 => 0f, 3 => -0f, _ => (random.NextSingle() - 0.5f) * 8 };
            }
        }
    }

    public ChipDescription Chip { get; }

    public static int Size(MemorySpace space) => space == MemorySpace.Dram ? DramBytes : ScratchBytes;

    public Span<byte> Bytes(MemorySpace space) => new(_memories.Resolve(space, space == MemorySpace.Dram ? DramBase : 0), Size(space));

    public void Compare(Instruction instruction, params ReadOnlySpan<(Reg Register, long Value)> registers)
    {
        byte[][] expected = [.. Enum.GetValues<MemorySpace>().Select(s => Bytes(s).ToArray())];
        long[] values = new long[Reg.Count];
        values[DramPointer.Index] = DramBase;
        foreach ((Reg register, long value) in registers)
        {
            values[register.Index] = value;
        }
        new NaiveMachine(expected, DramBase, (long[])values.Clone()).Execute(instruction);

        Execute(instruction, values);
        foreach (MemorySpace space in Enum.GetValues<MemorySpace>())
        {
            int at = Bytes(space).CommonPrefixLength(expected[(int)space]);
            Assert.True(at == Size(space), $"{instruction}: byte 0x{at:x} of {space} differs");
        }
    }

    public void Execute(Instruction instruction, ReadOnlySpan<long> registers)
    {
        var code = new List<Instruction>();
        for (int r = 1; r < registers.Length; r++)
        {
            code.Add(new LoadImmediate(new Reg((byte)r), registers[r]));
        }
        code.AddRange(instruction, new Halt());
        new Machine(new PreparedProgram("test", [.. code], []), Chip, _memories, [], null, null, default).Run();
    }

    public void Dispose()
    {
        _scratch.Dispose();
        NativeMemory.AlignedFree(_dram);
    }
}
