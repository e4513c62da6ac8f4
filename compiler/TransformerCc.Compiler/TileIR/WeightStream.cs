using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// What the weight section of the binary will hold, in the order in which the program first asks for it. Only places are
/// recorded; the bytes stay in the model until the file is written.
/// </summary>
public sealed class WeightStream
{
    private readonly Dictionary<(WeightMatrix, long, long, long, long, WeightFormat), WeightPanel> _panels = [];
    private readonly Dictionary<(Tensor, ElementType), ConstantBlob> _constants = [];

    public List<WeightPiece> Pieces { get; } = [];

    /// <summary>Bytes so far; every piece starts on a line.</summary>
    public long Length { get; private set; }

    /// <summary>The panel of rows k0 … k0+rows of columns n0 … n0+columns; a panel asked for twice is stored once.</summary>
    public WeightPanel Panel(WeightMatrix source, long k0, long rows, long n0, long columns, WeightFormat format)
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

/// <summary>A matrix [K, N] of the model, as it is stored there.</summary>
/// <param name="Source">The model's tensor.</param>
/// <param name="Depth">K.</param>
/// <param name="Columns">N.</param>
/// <param name="Layout">How the tensor holds it.</param>
/// <param name="Blocks">The format of the rows where they are quantised; they are transposed then.</param>
/// <param name="FirstRow">The tensor's row (last dimension apart) at which the matrix begins: experts lie one after another.</param>
public sealed record WeightMatrix(Tensor Source, long Depth, long Columns, WeightLayout Layout, BlockFormat? Blocks = null, long FirstRow = 0)
{
    /// <summary>A tensor [K, N].</summary>
    public static WeightMatrix Of(Tensor source) => new(source, source.Shape[0], source.Shape[1], WeightLayout.KByN);

    /// <summary>The format in the panels, where the weights are to be multiplied as <paramref name="plain"/> unless they are quantised.</summary>
    public WeightFormat PanelFormat(ElementType plain) => Blocks is null ? plain : Blocks.PanelFormat;
}

public enum WeightLayout
{
    /// <summary>Row k of the tensor holds w[k, 0..N).</summary>
    KByN,
    /// <summary>Row n of the tensor holds w[0..K, n), in PyTorch's Linear and in GGUF.</summary>
    NByK,
}

/// <summary>A run of bytes of the weight section.</summary>
/// <param name="Offset">Place in the section, on a line.</param>
public abstract record WeightPiece(long Offset)
{
    public abstract long Bytes { get; }
}

/// <summary>
/// Rows · Columns of a matrix, row by row, each row padded to whole lines. Quantised blocks lie along the columns: byte j of
/// block b of column n is at (b · bytes of a block + j) · RowStride + n.
/// </summary>
/// <param name="Rows">Along K: whole blocks, but for the last panel of a matrix.</param>
public sealed record WeightPanel(WeightMatrix Matrix, long K0, long Rows, long N0, long Columns, WeightFormat Format, long Offset) : WeightPiece(Offset)
{
    public long RowStride => Stride(Format, Columns);

    public override long Bytes => ByteRows(Format, Rows) * RowStride;

    /// <summary>Bytes from one row of a panel of so many columns to the next.</summary>
    public static long Stride(WeightFormat format, long columns) => Lines.RoundUp(columns * (format.Block is null ? format.Element.Size() : 1));

    /// <summary>Rows of <see cref="RowStride"/> bytes that so many weights along K take.</summary>
    public static long ByteRows(WeightFormat format, long depth) => format.Block is { } blocks ? (depth + blocks.BlockLength - 1) / blocks.BlockLength * blocks.BlockBytes : depth;

    public override string ToString() => $"panel[{K0}+{Rows}, {N0}+{Columns}]:{Format}@{Offset}";
}

/// <param name="Source">The model's tensor.</param>
/// <param name="Format">Format in the section; the writer converts.</param>
public sealed record ConstantBlob(Tensor Source, ElementType Format, long Offset) : WeightPiece(Offset)
{
    public override long Bytes => Source.Count * Format.Size();
}
