using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// The 255 semaphores as counts in program order. Each is a channel: one engine releases it, one acquires it. By the
/// theorem of the machine's design, a program that never finds too small a count in program order cannot deadlock on
/// parallel engines either; so a missing unit is reported here as a deadlock.
/// </summary>
internal sealed class SemaphoreFile
{
    public const int MaxCount = 65535;

    private const byte Unused = 0xff;

    private readonly int[] _count = new int[256];
    private readonly byte[] _releaser = new byte[256];
    private readonly byte[] _acquirer = new byte[256];

    public SemaphoreFile()
    {
        Array.Fill(_releaser, Unused);
        Array.Fill(_acquirer, Unused);
    }

    public int Count(byte semaphore) => _count[semaphore];

    public void Acquire(byte semaphore, Engine engine)
    {
        Claim(_acquirer, semaphore, engine, "acquired");
        if (_count[semaphore] == 0)
        {
            throw new TrapSignal(TrapKind.Semaphore, $"deadlock: {engine.Name()} acquires semaphore {semaphore}, of which no unit was released before");
        }
        _count[semaphore]--;
    }

    public void Release(byte semaphore, Engine engine)
    {
        Claim(_releaser, semaphore, engine, "released");
        if (_count[semaphore] == MaxCount)
        {
            throw new TrapSignal(TrapKind.Semaphore, $"the count of semaphore {semaphore} exceeds {MaxCount}");
        }
        _count[semaphore]++;
    }

    private static void Claim(byte[] owner, byte semaphore, Engine engine, string verb)
    {
        if (owner[semaphore] == Unused)
        {
            owner[semaphore] = (byte)engine;
        }
        else if (owner[semaphore] != (byte)engine)
        {
            throw new TrapSignal(TrapKind.Semaphore, $"semaphore {semaphore} is {verb} by {engine.Name()}, but belongs to {((Engine)owner[semaphore]).Name()}");
        }
    }
}
