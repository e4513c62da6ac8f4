using System.Buffers.Binary;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>
/// Rows of random weights of any type, mean about 0 and a given deviation, written without holding them. Plain rows are cut from
/// a strip of random numbers. Blocks are random bytes between scales that were found on a sample; formats whose scales lie where
/// only their decoder knows get blocks of the sample itself.
/// </summary>
internal sealed class RandomRows
{
    /// <summary>Blocks of the sample.</summary>
    private const int Blocks = 256;

    /// <summary>Elements of the strip, beyond the length of a row.</summary>
    private const int Strip = 1 << 16;

    /// <summary>Tries for one block of a format whose scales cannot be set.</summary>
    private const int Tries = 100_000;

    private readonly GgufTensorType _type;
    private readonly double _deviation;
    private readonly byte[][] _sample;
    private readonly bool _scalesAreSet;
    private Scales? _scales;

    public RandomRows(GgufTensorType type, double deviation, ulong seed)
    {
        (_type, _deviation, _sample) = (type, deviation, []);
        if (type.Blocks is not { } blocks)
        {
            return;
        }
        var random = new SplitMix(seed);
        _sample = new byte[Blocks][];
        for (int i = 0; i < Blocks; i++)
        {
            _sample[i] = new byte[blocks.BlockBytes];
            random.Fill(_sample[i]);
        }
        _scalesAreSet = blocks.PanelFormat == blocks;
        if (_scalesAreSet)
        {
            FindScales(blocks);
        }
        else
        {
            Choose(blocks, random);
        }
    }

    /// <summary>Writes rows of <paramref name="columns"/> weights, a whole number of blocks.</summary>
    public void Write(Stream stream, long rows, long columns, ulong seed)
    {
        var random = new SplitMix(seed);
        if (_type.Blocks is not { } blocks)
        {
            WritePlain(stream, rows, checked((int)columns), random);
            return;
        }
        var row = new byte[blocks.RowBytes(columns)];
        for (long r = 0; r < rows; r++)
        {
            random.Fill(_scalesAreSet ? row : []);
            for (int at = 0; at < row.Length; at += blocks.BlockBytes)
            {
                if (_scalesAreSet)
                {
                    _scales!.CopyTo(row.AsSpan(at, blocks.BlockBytes), isNegative: (row[at + blocks.BlockBytes - 1] & 1) != 0);
                }
                else
                {
                    _sample[random.Below(Blocks)].CopyTo(row, at);
                }
            }
            stream.Write(row);
        }
    }

    private void WritePlain(Stream stream, long rows, int columns, SplitMix random)
    {
        var values = new float[Strip + columns];
        for (int e = 0; e < values.Length; e++)
        {
            values[e] = (float)(random.Uniform() * _deviation);
        }
        int size = _type.BlockBytes;
        var strip = new byte[checked(values.Length * size)];
        NumericFormat.NarrowFromF32(_type.Plain!.Value, values, strip);
        for (long r = 0; r < rows; r++)
        {
            stream.Write(strip, random.Below(Strip) * size, columns * size);
        }
    }

    /// <summary>The scale, and the minimum that takes the mean away; without one, half of the scales are negative.</summary>
    private void FindScales(BlockFormat format)
    {
        double minimum = 0;
        if (format.Minimum is not null)
        {
            SetSample(format, 1, 0);
            double ofCodes = Measure(format, v => v);
            SetSample(format, 0, 1);
            double ofMinimums = Measure(format, v => v);
            minimum = ofMinimums == 0 ? 0 : -ofCodes / ofMinimums;
        }
        SetSample(format, 1, minimum);
        double scale = _deviation / Math.Sqrt(Measure(format, v => v * v));
        _scales = new Scales(format, scale, scale * minimum);
    }

    private void SetSample(BlockFormat format, double scale, double minimum)
    {
        var scales = new Scales(format, scale, minimum);
        for (int i = 0; i < Blocks; i++)
        {
            scales.CopyTo(_sample[i], isNegative: i % 2 == 1);
        }
    }

    /// <summary>Random blocks are tried until one fits.</summary>
    private void Choose(BlockFormat format, SplitMix random)
    {
        const double Factor = 1.5;
        var values = new float[format.BlockLength];
        foreach (byte[] block in _sample)
        {
            for (int t = 0; t < Tries; t++)
            {
                format.Decode(block, values);
                double squares = 0;
                foreach (float v in values)
                {
                    squares += (double)v * v;
                }
                double own = Math.Sqrt(squares / values.Length);
                if (own > _deviation / Factor && own < _deviation * Factor)
                {
                    break;
                }
                random.Fill(block);
            }
        }
    }

    /// <summary>The mean of a function of the sample's weights.</summary>
    private double Measure(BlockFormat format, Func<double, double> function)
    {
        var values = new float[format.BlockLength];
        double sum = 0;
        foreach (byte[] block in _sample)
        {
            format.Decode(block, values);
            foreach (float v in values)
            {
                sum += function(v);
            }
        }
        return sum / Blocks / values.Length;
    }

    /// <summary>The bytes of scale and minimum of every block.</summary>
    private sealed class Scales(BlockFormat format, double scale, double minimum)
    {
        private readonly byte[] _positive = Encode(format.Scale, scale), _negative = Encode(format.Scale, format.Minimum is null ? -scale : scale);
        private readonly byte[] _minimum = format.Minimum is null ? [] : Encode(format.Minimum, minimum);
        private readonly int _groups = format.Scale.IsSuperPerGroup ? format.BlockLength / format.GroupSize : 1;

        public void CopyTo(Span<byte> block, bool isNegative)
        {
            for (int g = 0; g < _groups; g++)
            {
                (isNegative ? _negative : _positive).CopyTo(block[format.Scale.SuperBytes(g)]);
            }
            if (format.Minimum is { } m)
            {
                _minimum.CopyTo(block[m.SuperBytes(0)]);
            }
        }

        /// <summary>A byte, which has no sign, is the nearest of the values it can have.</summary>
        private static byte[] Encode(BlockScale field, double value)
        {
            var bytes = new byte[field.SuperBytes(0).End.Value - field.SuperBytes(0).Start.Value];
            switch (bytes.Length)
            {
                case 2:
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes, BitConverter.HalfToUInt16Bits((Half)value));
                    break;
                case 4:
                    BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value);
                    break;
                default:
                    bytes[0] = (byte)Enumerable.Range(0, 255).MinBy(b => Math.Abs(field.Super([(byte)b]) - Math.Abs(value)));
                    break;
            }
            return bytes;
        }
    }
}
