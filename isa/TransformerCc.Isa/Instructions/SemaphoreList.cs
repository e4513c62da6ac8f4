namespace TransformerCc.Isa.Instructions;

/// <summary>Up to four semaphore numbers of 1 to 255 in the order of the encoding; 0 is an empty place.</summary>
public readonly record struct SemaphoreList
{
    private readonly uint _packed;

    private SemaphoreList(uint packed) => _packed = packed;

    public static SemaphoreList Empty => default;

    public static SemaphoreList Of(params ReadOnlySpan<byte> semaphores)
    {
        SemaphoreList list = default;
        foreach (byte s in semaphores)
        {
            list = list.Add(s);
        }
        return list;
    }

    /// <summary>The four bytes of the encoding, first semaphore lowest.</summary>
    public uint Packed => _packed;

    public int Count => (_packed & 0xff) == 0 ? 0 : (_packed & 0xff00) == 0 ? 1 : (_packed & 0xff0000) == 0 ? 2 : (_packed & 0xff000000) == 0 ? 3 : 4;

    public byte this[int index] => (byte)(_packed >> (8 * index));

    public SemaphoreList Add(byte semaphore)
    {
        ArgumentOutOfRangeException.ThrowIfZero(semaphore);
        if (Count == Instruction.MaxSemaphores)
        {
            throw new InvalidOperationException("an instruction holds at most four semaphores a side");
        }
        return new(_packed | ((uint)semaphore << (8 * Count)));
    }

    /// <summary>False when an empty place precedes a used one.</summary>
    public static bool TryFromPacked(uint packed, out SemaphoreList list)
    {
        list = new(packed);
        int n = list.Count;
        return n == 4 || packed >> (8 * n) == 0;
    }

    public override string ToString() => string.Join(',', Enumerable.Range(0, Count).Select(Number));

    private string Number(int i) => this[i].ToString(System.Globalization.CultureInfo.InvariantCulture);
}
