using System.Buffers;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Writes the weight section straight from the model's memory-mapped tensors: chunks of about a mebibyte are filled by
/// several threads and written in order by the caller's, so that nothing but a few chunks is held.
/// </summary>
internal sealed class ModelWeightSection(WeightStream weights) : WeightSection
{
    private const int ChunkBytes = 1 << 20;

    public override long Length => weights.Length;

    public override void WriteTo(Stream stream)
    {
        int window = Environment.ProcessorCount + 1;
        var filling = new Queue<(Task Done, byte[] Bytes, int Length)>();
        try
        {
            foreach (List<Part> parts in Chunks())
            {
                if (filling.Count == window)
                {
                    WriteFirst();
                }
                int length = (int)parts.Sum(p => Lines.RoundUp(p.Bytes));
                byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
                filling.Enqueue((Task.Run(() => Fill(parts, bytes)), bytes, length));
            }
            while (filling.Count > 0)
            {
                WriteFirst();
            }
        }
        finally
        {
            // The tensors may be unmapped after a failure: nobody may read them any more.
            foreach ((Task done, _, _) in filling)
            {
                done.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
            }
        }

        void WriteFirst()
        {
            (Task done, byte[] bytes, int length) = filling.Peek();
            done.GetAwaiter().GetResult();
            stream.Write(bytes, 0, length);
            filling.Dequeue();
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>A piece, or elements of a constant that is longer than a chunk.</summary>
    private sealed record Part(WeightPiece Piece, long First, long Bytes);

    private IEnumerable<List<Part>> Chunks()
    {
        var chunk = new List<Part>();
        long bytes = 0;
        foreach (Part part in weights.Pieces.SelectMany(Parts))
        {
            if (bytes > 0 && bytes + part.Bytes > ChunkBytes)
            {
                yield return chunk;
                (chunk, bytes) = ([], 0);
            }
            chunk.Add(part);
            bytes += Lines.RoundUp(part.Bytes);
        }
        if (chunk.Count > 0)
        {
            yield return chunk;
        }
    }

    private static IEnumerable<Part> Parts(WeightPiece piece)
    {
        if (piece is not ConstantBlob blob)
        {
            return [new Part(piece, 0, piece.Bytes)];
        }
        // Whole lines, so that parts follow each other without a gap.
        long elements = ChunkBytes / blob.Format.Size(), parts = (blob.Source.Count + elements - 1) / elements;
        return Enumerable.Range(0, checked((int)parts)).Select(i => new Part(blob, i * elements, long.Min(elements, blob.Source.Count - (i * elements)) * blob.Format.Size()));
    }

    private static void Fill(List<Part> parts, byte[] bytes)
    {
        int at = 0;
        foreach (Part part in parts)
        {
            int length = checked((int)part.Bytes), padded = checked((int)Lines.RoundUp(length));
            Span<byte> target = bytes.AsSpan(at, padded);
            switch (part.Piece)
            {
                case WeightPanel panel:
                    PanelWriter.Write(panel, target);
                    break;
                case ConstantBlob blob:
                    ElementType type = blob.Source.Type;
                    int count = length / blob.Format.Size();
                    PanelWriter.Convert(blob.Source.Bytes(part.First * type.Size(), count * type.Size()), type, target, blob.Format, count);
                    break;
            }
            target[length..].Clear();
            at += padded;
        }
    }
}
