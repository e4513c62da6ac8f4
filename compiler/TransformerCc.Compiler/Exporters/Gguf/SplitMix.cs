using System.Buffers.Binary;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): the same numbers on every host.</summary>
internal struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public int Below(int count) => (int)((uint)(Next() >> 32) * (ulong)count >> 32);

    /// <summary>Uniform in [−√3, √3): mean 0, variance 1.</summary>
    public double Uniform() => ((Next() >> 11) * (1.0 / (1UL << 53)) * 2 - 1) * 1.7320508075688772;

    /// <summary>Writes floats of a deviation around a center.</summary>
    public void Write(Stream stream, long count, double center, double deviation)
    {
        for (long i = 0; i < count; i++)
        {
            stream.Write(BitConverter.GetBytes((float)(center + (deviation * Uniform()))));
        }
    }

    public void Fill(Span<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, Next());
        }
        for (ulong rest = Next(); !bytes.IsEmpty; bytes = bytes[1..], rest >>= 8)
        {
            bytes[0] = (byte)rest;
        }
    }
}
