using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Isolation;

/// <summary>
/// Sees the instructions of the engines as they are executed. Two executions of one program that see different bytes first at
/// an instruction have that one in common as the cause.
/// </summary>
public interface IInstructionObserver
{
    /// <param name="written">What the instruction wrote; valid during the call.</param>
    void Executed(Instruction instruction, WrittenBytes written);
}

/// <summary>
/// The bytes that an instruction wrote, in the order of its footprint. The rows of a scatter's table are data and are not
/// among them: their readers show them.
/// </summary>
public abstract class WrittenBytes
{
    /// <summary>Bytes written.</summary>
    public abstract long Count { get; }

    /// <summary>FNV-1a of the bytes (Fowler, Noll, Vo), 64 bits.</summary>
    public abstract ulong Hash();

    public abstract byte[] ToArray();
}

/// <summary>Tells an observer what instructions wrote.</summary>
internal sealed class InstructionObservation(IInstructionObserver observer, EngineContext context)
{
    private readonly WrittenRows _written = new(context.Memories);

    /// <summary>Right after the instruction, while the registers still hold its operands.</summary>
    public void Executed(Instruction instruction)
    {
        _written.Begin();
        var sink = new Sink(_written, isScatter: instruction is Scatter);
        instruction.Footprint(context.Registers, ref sink);
        observer.Executed(instruction, _written);
    }

    private readonly struct Sink(WrittenRows written, bool isScatter) : IAccessSink
    {
        public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
        {
            if (isWrite && rows > 0 && rowBytes > 0 && !(isScatter && space == MemorySpace.Dram))
            {
                written.Add(space, address, rows, rowStride, rowBytes);
            }
        }
    }

    private sealed class WrittenRows(IHostMemory memory) : WrittenBytes
    {
        private const ulong FnvOffset = 0xcbf29ce484222325, FnvPrime = 0x100000001b3;

        private readonly List<(MemorySpace Space, long Address, long Rows, long Stride, int Bytes)> _blocks = [];

        public override long Count => _blocks.Sum(b => b.Rows * b.Bytes);

        public void Begin() => _blocks.Clear();

        public void Add(MemorySpace space, long address, long rows, long stride, long bytes) => _blocks.Add((space, address, rows, stride, checked((int)bytes)));

        public override unsafe ulong Hash()
        {
            ulong hash = FnvOffset;
            foreach ((MemorySpace space, long address, long rows, long stride, int bytes) in _blocks)
            {
                for (long r = 0; r < rows; r++)
                {
                    foreach (byte b in new ReadOnlySpan<byte>(memory.Resolve(space, address + (r * stride)), bytes))
                    {
                        hash = unchecked((hash ^ b) * FnvPrime);
                    }
                }
            }
            return hash;
        }

        public override unsafe byte[] ToArray()
        {
            var copy = new byte[checked((int)Count)];
            int at = 0;
            foreach ((MemorySpace space, long address, long rows, long stride, int bytes) in _blocks)
            {
                for (long r = 0; r < rows; r++, at += bytes)
                {
                    new ReadOnlySpan<byte>(memory.Resolve(space, address + (r * stride)), bytes).CopyTo(copy.AsSpan(at));
                }
            }
            return copy;
        }
    }
}
