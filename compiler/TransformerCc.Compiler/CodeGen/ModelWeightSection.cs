using System.Buffers;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Writes the weight section straight from the model's memory-mapped tensors, one row of a panel at a time: nothing
/// larger than a row is held.
/// </summary>
internal sealed class ModelWeightSection(WeightStream weights) : WeightSection
{
    /// <summary>Elements converted at a time where a constant is one long row.</summary>
    private const int ChunkElements = 1 << 16;

    public override long Length => weights.Length;

    public override void WriteTo(Stream stream)
    {
        foreach (WeightPiece piece in weights.Pieces)
        {
            switch (piece)
            {
                case WeightPanel panel:
                    long width = panel.Source.Shape[1];
                    for (long k = panel.K0; k < panel.K0 + panel.Rows; k++)
                    {
                        WriteRun(stream, panel.Source, (k * width) + panel.N0, panel.Columns, panel.Format);
                        Pad(stream, panel.RowStride - (panel.Columns * panel.Format.Size()));
                    }
                    break;
                case ConstantBlob blob:
                    for (long i = 0; i < blob.Source.Count; i += ChunkElements)
                    {
                        WriteRun(stream, blob.Source, i, long.Min(ChunkElements, blob.Source.Count - i), blob.Format);
                    }
                    Pad(stream, Lines.RoundUp(blob.Bytes) - blob.Bytes);
                    break;
            }
        }
    }

    private static void WriteRun(Stream output, Tensor source, long first, long count, ElementType format)
    {
        int size = source.Type.Size();
        ReadOnlySpan<byte> bytes = source.Data.Span.Slice(checked((int)(first * size)), checked((int)(count * size)));
        if (source.Type == format)
        {
            output.Write(bytes);
            return;
        }
        int n = checked((int)count);
        float[] wide = ArrayPool<float>.Shared.Rent(n);
        byte[] narrow = ArrayPool<byte>.Shared.Rent(n * format.Size());
        NumericFormat.WidenToF32(source.Type, bytes, wide.AsSpan(0, n));
        NumericFormat.NarrowFromF32(format, wide.AsSpan(0, n), narrow.AsSpan(0, n * format.Size()));
        output.Write(narrow, 0, n * format.Size());
        ArrayPool<float>.Shared.Return(wide);
        ArrayPool<byte>.Shared.Return(narrow);
    }

    private static void Pad(Stream output, long bytes)
    {
        Span<byte> zeros = stackalloc byte[Lines.Bytes];
        zeros.Clear();
        output.Write(zeros[..checked((int)bytes)]);
    }
}
