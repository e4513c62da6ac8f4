using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>The rows of <see cref="NBitsBlocks"/>, made anew each time a part of them is read.</summary>
internal sealed class LaidBlocks(NBitsBlocks blocks) : LongBytes
{
    private readonly int _blockBytes = blocks.Format.BlockBytes;
    private readonly long _rowBytes = blocks.Format.RowBytes(blocks.Columns);

    public override long Length => blocks.Rows * _rowBytes;

    public override string Location => FormattableString.Invariant($"weights of {blocks.Bits} bits, {blocks.Rows} rows of {blocks.Columns}");

    protected override ReadOnlyMemory<byte> View(long offset, int length)
    {
        var result = new byte[length];
        byte[] laid = [];
        for (int at = 0; at < length;)
        {
            // From somewhere inside a row to its end, or to that of the part: whole blocks that cover it.
            (long row, long start) = long.DivRem(offset + at, _rowBytes);
            int count = (int)long.Min(_rowBytes - start, length - at), skipped = (int)(start % _blockBytes);
            int covered = (skipped + count + _blockBytes - 1) / _blockBytes * _blockBytes;
            Array.Resize(ref laid, int.Max(laid.Length, covered));
            laid.AsSpan(0, covered).Clear();
            blocks.LayRow(row, start / _blockBytes, laid.AsSpan(0, covered));
            laid.AsSpan(skipped, count).CopyTo(result.AsSpan(at));
            at += count;
        }
        return result;
    }
}
