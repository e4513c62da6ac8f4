using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// What the weight section of the binary will hold, in the order in which the program first asks for it. Only places are
/// recorded; the bytes stay in the model until the file is written.
/// </summary>
public sealed class WeightStream
{
    private readonly Dictionary<(WeightMatrix, long, long, long, long, WeightFormat, object?), WeightPanel> _panels = [];
    private readonly Dictionary<(Tensor, ElementType, object?), ConstantBlob> _constants = [];
    private readonly List<LayerSegment> _segments = [];
    private IReadOnlyDictionary<Tensor, Tensor[]>? _layers;

    /// <summary>What the loop that is open has asked for first.</summary>
    private LayerSegment? _open;

    public List<WeightPiece> Pieces { get; } = [];

    /// <summary>Bytes so far; every piece starts on a line.</summary>
    public long Length { get; private set; }

    /// <summary>The segments of layers, in the order of the section.</summary>
    public IReadOnlyList<LayerSegment> Segments => _segments;

    /// <summary>The panel of rows k0 … k0+rows of columns n0 … n0+columns; a panel asked for twice is stored once.</summary>
    public WeightPanel Panel(WeightMatrix source, long k0, long rows, long n0, long columns, WeightFormat format)
    {
        var key = (source, k0, rows, n0, columns, format, Loop(source.Source));
        if (!_panels.TryGetValue(key, out WeightPanel? panel))
        {
            _panels[key] = panel = new WeightPanel(source, k0, rows, n0, columns, format);
            Append(panel, source.Source);
        }
        return panel;
    }

    /// <summary>A whole constant, row-major.</summary>
    public ConstantBlob Constant(Tensor source, ElementType format)
    {
        var key = (source, format, Loop(source));
        if (!_constants.TryGetValue(key, out ConstantBlob? blob))
        {
            _constants[key] = blob = new ConstantBlob(source, format);
            Append(blob, source);
        }
        return blob;
    }

    /// <summary>
    /// From here to <see cref="Close"/>, requests for these tensors stand for those of every iteration of a loop. They lie one
    /// iteration behind the other, at one distance; what is not listed is the same for all.
    /// </summary>
    /// <param name="layers">For each tensor of the iteration that is lowered, those of all. The same object opens it again for another program.</param>
    public void Open(IReadOnlyDictionary<Tensor, Tensor[]> layers)
    {
        _layers = layers;
        _open = new LayerSegment($"@layers{_segments.Count}");
    }

    /// <summary>Places what was asked for since <see cref="Open"/>, for every iteration.</summary>
    public void Close()
    {
        LayerSegment segment = _open!;
        IReadOnlyDictionary<Tensor, Tensor[]> layers = _layers!;
        (_open, _layers) = (null, null);
        if (segment.Pieces.Count == 0)
        {
            return;
        }
        _segments.Add(segment);
        int count = layers[segment.Pieces[0].Source].Length;
        for (int i = 0; i < count; i++)
        {
            foreach (WeightPiece piece in segment.Pieces)
            {
                Place(i == 0 ? piece : piece.Of(layers[piece.Source][i]));
            }
        }
    }

    private object? Loop(Tensor source) => _layers?.ContainsKey(source) == true ? _layers : null;

    private void Append(WeightPiece piece, Tensor source)
    {
        if (Loop(source) is null)
        {
            Place(piece);
        }
        else
        {
            _open!.Add(piece);
        }
    }

    private void Place(WeightPiece piece)
    {
        piece.Offset = Length;
        Pieces.Add(piece);
        Length += Lines.RoundUp(piece.Bytes);
    }
}

/// <summary>The pieces of one iteration of a loop of layers; those of the others follow at multiples of <see cref="Stride"/>.</summary>
/// <param name="symbol">The name, inside the loop, of the distance from the first iteration's pieces to those of the current one.</param>
public sealed class LayerSegment(string symbol)
{
    public string Symbol { get; } = symbol;

    public DimExpr Distance => DimExpr.Symbol(Symbol);

    public List<WeightPiece> Pieces { get; } = [];

    /// <summary>Bytes of an iteration.</summary>
    public long Stride { get; private set; }

    internal void Add(WeightPiece piece)
    {
        piece.Segment = this;
        // Relative until the segment has its place: distances inside it are right from the start.
        piece.Offset = Stride;
        Pieces.Add(piece);
        Stride += Lines.RoundUp(piece.Bytes);
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

/// <summary>A run of bytes of the weight section. It is one object: two are never equal.</summary>
public abstract class WeightPiece
{
    /// <summary>The model's tensor.</summary>
    public abstract Tensor Source { get; }

    public abstract long Bytes { get; }

    /// <summary>Place in the section, on a line; relative to the segment while that has none.</summary>
    public long Offset { get; internal set; }

    /// <summary>The loop of layers that this is the first iteration's piece of.</summary>
    public LayerSegment? Segment { get; internal set; }

    /// <summary>The same piece of another tensor of the same shape.</summary>
    internal abstract WeightPiece Of(Tensor source);
}

/// <summary>
/// Rows · Columns of a matrix, row by row, each row padded to whole lines. Quantised blocks lie along the columns: byte j of
/// block b of column n is at (b · bytes of a block + j) · RowStride + n.
/// </summary>
/// <param name="rows">Along K: whole blocks, but for the last panel of a matrix.</param>
public sealed class WeightPanel(WeightMatrix matrix, long k0, long rows, long n0, long columns, WeightFormat format) : WeightPiece
{
    public WeightMatrix Matrix { get; } = matrix;

    public long K0 { get; } = k0;

    public long Rows { get; } = rows;

    public long N0 { get; } = n0;

    public long Columns { get; } = columns;

    public WeightFormat Format { get; } = format;

    public override Tensor Source => Matrix.Source;

    public long RowStride => Stride(Format, Columns);

    public override long Bytes => ByteRows(Format, Rows) * RowStride;

    /// <summary>Bytes from one row of a panel of so many columns to the next.</summary>
    public static long Stride(WeightFormat format, long columns) => Lines.RoundUp(columns * (format.Block is null ? format.Element.Size() : 1));

    /// <summary>Rows of <see cref="RowStride"/> bytes that so many weights along K take.</summary>
    public static long ByteRows(WeightFormat format, long depth) => format.Block is { } blocks ? (depth + blocks.BlockLength - 1) / blocks.BlockLength * blocks.BlockBytes : depth;

    internal override WeightPiece Of(Tensor source) => new WeightPanel(Matrix with { Source = source }, K0, Rows, N0, Columns, Format);

    public override string ToString() => $"panel[{K0}+{Rows}, {N0}+{Columns}]:{Format}@{Offset}";
}

/// <param name="source">The model's tensor.</param>
/// <param name="format">Format in the section; the writer converts.</param>
public sealed class ConstantBlob(Tensor source, ElementType format) : WeightPiece
{
    public override Tensor Source { get; } = source;

    public ElementType Format { get; } = format;

    public override long Bytes => Source.Count * Format.Size();

    internal override WeightPiece Of(Tensor source) => new ConstantBlob(source, Format);
}
