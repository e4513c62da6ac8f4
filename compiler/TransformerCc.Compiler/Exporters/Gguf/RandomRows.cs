using System.Buffers.Binary;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>
/// Rows of random weights of any type, mean about 0 and a given deviation, written without holding them: rows are strung
/// together from a pool of random blocks.
/// </summary>
internal sealed class RandomRows
{
    private const int Blocks = 512, PlainElements = 256;

    /// <summary>Tries for one block of a format whose scales the writer cannot set.</summary>
    private const int Tries = 100_000;

    private readonly byte[][] _pool = new byte[Blocks][];
    private readonly int _length;
    private readonly int _bytes;

    public RandomRows(GgufTensorType type, double deviation, ulong seed)
    {
        (_length, _bytes) = type.Blocks is { } f ? (f.BlockLength, f.BlockBytes) : (PlainElements, PlainElements * type.BlockBytes);
        var random = new SplitMix(seed);
        for (int i = 0; i < Blocks; i++)
        {
            _pool[i] = new byte[_bytes];
            random.Fill(_pool[i]);
        }
        if (type.Blocks is not { } blocks)
        {
            Plain(type.Plain!.Value, deviation, random);
        }
        else if (blocks.PanelFormat == blocks)
        {
            Scaled(blocks, deviation);
        }
        else
        {
            Chosen(blocks, deviation, random);
        }
    }

    /// <summary>Writes rows of <paramref name="columns"/> weights.</summary>
    public void Write(Stream stream, long rows, long columns, ulong seed)
    {
        var random = new SplitMix(seed);
        var row = new byte[checked((columns + _length - 1) / _length * _bytes)];
        int used = checked((int)(columns * _bytes / _length));
        for (long r = 0; r < rows; r++)
        {
            for (int at = 0; at < row.Length; at += _bytes)
            {
                _pool[random.Below(Blocks)].CopyTo(row, at);
            }
            stream.Write(row, 0, used);
        }
    }

    private void Plain(ElementType type, double deviation, SplitMix random)
    {
        var values = new float[PlainElements];
        foreach (byte[] block in _pool)
        {
            for (int e = 0; e < values.Length; e++)
            {
                values[e] = (float)(random.Uniform() * deviation);
            }
            NumericFormat.NarrowFromF32(type, values, block);
        }
    }

    /// <summary>Sets the scale of every block, and the minimum so that it takes the mean away; without one, half of the scales are negative.</summary>
    private void Scaled(BlockFormat format, double deviation)
    {
        double minimum = 0;
        if (format.Minimum is not null)
        {
            SetAll(format, 1, 0);
            double ofCodes = Mean(format);
            SetAll(format, 0, 1);
            double ofMinimums = Mean(format);
            minimum = ofMinimums == 0 ? 0 : -ofCodes / ofMinimums;
        }
        SetAll(format, 1, minimum);
        double scale = deviation / Deviation(format, Enumerable.Range(0, Blocks));
        SetAll(format, scale, scale * minimum);
    }

    private void SetAll(BlockFormat format, double scale, double minimum)
    {
        for (int i = 0; i < Blocks; i++)
        {
            for (int g = 0; g < format.BlockLength / format.GroupSize; g++)
            {
                Set(format.Scale, _pool[i].AsSpan()[format.Scale.SuperBytes(g)], format.Minimum is null && i % 2 == 1 ? -scale : scale);
                if (format.Minimum is { } m)
                {
                    Set(m, _pool[i].AsSpan()[m.SuperBytes(g)], minimum);
                }
            }
        }
    }

    /// <summary>Stores a scale; a byte gets the nearest of the values it can have.</summary>
    private static void Set(BlockScale scale, Span<byte> bytes, double value)
    {
        switch (bytes.Length)
        {
            case 2:
                BinaryPrimitives.WriteUInt16LittleEndian(bytes, BitConverter.HalfToUInt16Bits((Half)value));
                break;
            case 4:
                BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value);
                break;
            default:
                // Such scales have no sign.
                byte best = 0;
                for (int b = 0; b < 255; b++)
                {
                    double distance = Math.Abs(scale.Super([(byte)b]) - Math.Abs(value));
                    best = distance < Math.Abs(scale.Super([best]) - Math.Abs(value)) ? (byte)b : best;
                }
                bytes[0] = best;
                break;
        }
    }

    /// <summary>Of formats whose scales lie where only their decoder knows, random blocks are tried until one fits.</summary>
    private void Chosen(BlockFormat format, double deviation, SplitMix random)
    {
        const double Factor = 1.5;
        for (int i = 0; i < Blocks; i++)
        {
            for (int t = 0; t < Tries; t++)
            {
                double own = Deviation(format, [i]);
                if (own > deviation / Factor && own < deviation * Factor)
                {
                    break;
                }
                random.Fill(_pool[i]);
            }
        }
    }

    private double Mean(BlockFormat format) => Values(format, Enumerable.Range(0, Blocks)).Average();

    /// <summary>Root of the mean square.</summary>
    private double Deviation(BlockFormat format, IEnumerable<int> blocks) => Math.Sqrt(Values(format, blocks).Average(v => v * v));

    private IEnumerable<double> Values(BlockFormat format, IEnumerable<int> blocks)
    {
        var values = new float[format.BlockLength];
        foreach (int i in blocks)
        {
            format.Decode(_pool[i], values);
            foreach (float v in values)
            {
                yield return v;
            }
        }
    }
}
