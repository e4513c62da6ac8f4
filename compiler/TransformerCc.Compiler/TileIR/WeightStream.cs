using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// What the weight section of the binary will hold, in the order in which the program first asks for it. Only places are
/// recorded; the bytes stay in the model until the file is written.
/// </summary>
public sealed class WeightStream
{
    private readonly Dictionary<(Tensor, long, long, long, long, ElementType), WeightPanel> _panels = [];
    private readonly Dictionary<(Tensor, ElementType), ConstantBlob> _constants = [];

    public List<WeightPiece> Pieces { get; } = [];

    /// <summary>Bytes so far; every piece starts on a line.</summary>
    public long Length { get; private set; }

    /// <summary>The panel of rows k0 … k0+rows of columns n0 … n0+columns of a [K, N] weight; a panel asked for twice is stored once.</summary>
    public WeightPanel Panel(Tensor source, long k0, long rows, long n0, long columns, ElementType format)
    {
        var key = (source, k0, rows, n0, columns, format);
        if (!_panels.TryGetValue(key, out WeightPanel? panel))
        {
            panel = new WeightPanel(source, k0, rows, n0, columns, format, Length);
            _panels[key] = panel;
            Append(panel);
        }
        return panel;
    }

    /// <summary>A whole constant, row-major.</summary>
    public ConstantBlob Constant(Tensor source, ElementType format)
    {
        if (!_constants.TryGetValue((source, format), out ConstantBlob? blob))
        {
            blob = new ConstantBlob(source, format, Length);
            _constants[(source, format)] = blob;
            Append(blob);
        }
        return blob;
    }

    private void Append(WeightPiece piece)
    {
        Pieces.Add(piece);
        Length += Lines.RoundUp(piece.Bytes);
    }
}

/// <summary>A run of bytes of the weight section.</summary>
/// <param name="Source">The model's tensor.</param>
/// <param name="Format">Format in the section; the writer converts.</param>
/// <param name="Offset">Place in the section, on a line.</param>
public abstract record WeightPiece(Tensor Source, ElementType Format, long Offset)
{
    public abstract long Bytes { get; }
}

/// <summary>Rows · Columns of a [K, N] matrix, row by row, each row padded to whole lines.</summary>
public sealed record WeightPanel(Tensor Source, long K0, long Rows, long N0, long Columns, ElementType Format, long Offset) : WeightPiece(Source, Format, Offset)
{
    public long RowStride => Lines.RoundUp(Columns * Format.Size());

    public override long Bytes => Rows * RowStride;

    public override string ToString() => $"panel[{K0}+{Rows}, {N0}+{Columns}]:{Format.Name()}@{Offset}";
}

public sealed record ConstantBlob(Tensor Source, ElementType Format, long Offset) : WeightPiece(Source, Format, Offset)
{
    public override long Bytes => Source.Count * Format.Size();
}
