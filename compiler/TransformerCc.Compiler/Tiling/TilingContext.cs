using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What every lowering works with: the chip, the program under construction, where values are stored.</summary>
internal sealed class TilingContext
{
    /// <summary>Bounds beyond this are no sizes: they only must not overflow.</summary>
    private const long LargestBound = 1L << 40;

    /// <summary>Tiles of even size start at multiples of so many rows: single f32 columns are packed, and start on lines there.</summary>
    public const int RowStep = Lines.Bytes / sizeof(float);

    private readonly Dictionary<Tensor, Tensor> _convolutionWeights;
    private readonly Dictionary<Value, TileBuffer> _integers = [];
    private readonly Dictionary<(Value, long, TileBlock), (TileBuffer, TileBuffer, TileBuffer)> _expertOrders = [];
    private int _nextSlot, _prepended;

    public TilingContext(ChipDescription chip, Graph graph, TileProgram program, ValueStorage storage)
        : this(chip, graph, program, storage, [])
    {
    }

    private TilingContext(ChipDescription chip, Graph graph, TileProgram program, ValueStorage storage, Dictionary<Tensor, Tensor> convolutionWeights)
    {
        _convolutionWeights = convolutionWeights;
        Chip = chip;
        Graph = graph;
        Builder = new TileBuilder(program);
        Storage = storage;
    }

    public ChipDescription Chip { get; }

    public Graph Graph { get; }

    public TileBuilder Builder { get; }

    public ValueStorage Storage { get; }

    public ImmutableArray<TileBuffer> Ring => Builder.Program.Ring;

    public long RingBytes => Ring.Sum(s => s.Bytes);

    /// <summary>The slot for the next panel of the weight stream.</summary>
    public TileBuffer NextSlot() => Ring[_nextSlot++ % Ring.Length];

    /// <summary>The same model on an empty program: sizes are tried there before they are settled.</summary>
    public TilingContext Trial()
    {
        var program = new TileProgram { Chip = Chip, Dimensions = Builder.Program.Dimensions, Weights = new WeightStream(), Ring = Ring };
        return new TilingContext(Chip, Graph, program, Storage, _convolutionWeights) { ReservedAsp = TakenAsp };
    }

    /// <summary>
    /// A convolution's weights as a matrix. This is the one place where weights are copied: patch embeddings and audio
    /// stems are small, and their order of elements is not the panels'.
    /// </summary>
    public Tensor ConvolutionWeights(Tensor weights)
    {
        if (!_convolutionWeights.TryGetValue(weights, out Tensor? matrix))
        {
            _convolutionWeights[weights] = matrix = ConvLowering.AsMatrix(weights);
        }
        return matrix;
    }

    /// <summary>Bytes of resident values that are alive and not buffers of this program's own.</summary>
    public long ReservedAsp { get; set; }

    /// <summary>Bytes of ASP that an item finds taken.</summary>
    public long TakenAsp => ReservedAsp + _integers.Values.Sum(b => b.Bytes);

    /// <summary>What is known of the experts that a tile of tokens chose, made once for all products of the same block that ask for it.</summary>
    public (TileBuffer Ids, TileBuffer Idle, TileBuffer Order) ExpertOrder(Value ids, long capacity, Func<(TileBuffer, TileBuffer, TileBuffer)> make)
    {
        var key = (ids, capacity, Builder.Block);
        return _expertOrders.TryGetValue(key, out var known) ? known : _expertOrders[key] = make();
    }

    public bool Fits => MemoryPlanner.Fits(Builder.Program.Body, Chip, RingBytes, ReservedAsp);

    /// <summary>Bytes of ASP that the buffers of the program need at least.</summary>
    public long AspPeak => MemoryPlanner.Problem(Builder.Program.Body, Chip, MemorySpace.Asp, 0).Problem.LivePeak();

    /// <summary>
    /// The i64 elements of a vector or a matrix, for scalar loads. Those of an input of the model come once, in front of everything: the
    /// sequencer never waits for them behind other loads.
    /// </summary>
    public TileBuffer Integers(Value vector)
    {
        if (_integers.TryGetValue(vector, out TileBuffer? buffer))
        {
            return buffer;
        }
        var stride = new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(long));
        DimExpr count = vector.Type.Count;
        void Load()
        {
            buffer = Builder.Buffer(vector.Name, MemorySpace.Asp, Bound(count) * sizeof(long));
            Storage.Place(vector).From(DimExpr.Zero, stride).Read(Builder, new StridedTile(buffer, DimExpr.Zero, ElementType.I64, stride), new Extent3(DimExpr.One, DimExpr.One, count));
        }
        if (vector.Producer is not null)
        {
            Load();
            return buffer!;
        }
        _prepended = Builder.Prepend(_prepended, Load);
        return _integers[vector] = buffer!;
    }

    /// <summary>Largest value of a length.</summary>
    public long Bound(DimExpr expression) => long.Min(LargestBound, Builder.Bounds(expression).Upper);

    /// <summary>Smallest value of a length.</summary>
    public long LowerBound(DimExpr expression) => Builder.Bounds(expression).Lower;

    /// <summary>Splits a length into tiles of a static size: the last is shorter. The body gets the start and the length of each.</summary>
    public void Tiles(string hint, DimExpr length, long size, Action<DimExpr, DimExpr> body)
    {
        size = long.Max(1, size);
        if (Bound(length) <= size && LowerBound(length) >= 1)
        {
            body(DimExpr.Zero, length);
            return;
        }
        bool exact = DimExpr.Mod(length, size).Is(0);
        Builder.Loop(hint, DimExpr.CeilDiv(length, size), index =>
        {
            DimExpr start = index * size;
            body(start, exact ? size : Builder.Let($"{hint}.length", DimExpr.Min(size, length - start), new DimInterval(1, size)));
        });
    }

    /// <summary>
    /// Tiles of even size, of which none is much shorter than the others: each reads the same weights again. The first one
    /// stands before the loop where code is cheap, so that its weights can be loaded while something else computes.
    /// </summary>
    /// <param name="size">Rows at most.</param>
    /// <param name="bring">Comes before the first tile, and after each for the next one, which may have no rows.</param>
    public void EvenTiles(string hint, DimExpr length, long size, bool peel, Action<DimExpr, DimExpr> body, Action<DimExpr, DimExpr>? bring = null)
    {
        if (Bound(length) <= size || LowerBound(length) < 1 || size % RowStep != 0)
        {
            Tiles(hint, length, size, (start, rows) =>
            {
                bring?.Invoke(start, rows);
                body(start, rows);
            });
            return;
        }
        DimExpr rows = Builder.Let($"{hint}.rows", DimExpr.CeilDiv(length, RowStep * DimExpr.CeilDiv(length, size)) * RowStep, new DimInterval(1, size)), count = DimExpr.CeilDiv(length, rows);
        bring?.Invoke(DimExpr.Zero, DimExpr.Min(rows, length));
        if (peel)
        {
            body(DimExpr.Zero, Builder.Let($"{hint}.length", DimExpr.Min(rows, length), new DimInterval(1, size)));
            BringNext(DimExpr.Zero);
            count -= 1;
        }
        Builder.Loop(hint, count, index =>
        {
            DimExpr start = Builder.Let($"{hint}.start", (peel ? index + 1 : index) * rows);
            body(start, Builder.Let($"{hint}.length", DimExpr.Min(rows, length - start), new DimInterval(1, size)));
            BringNext(start);
        });

        void BringNext(DimExpr start) => bring?.Invoke(start + rows, DimExpr.Max(DimExpr.Zero, DimExpr.Min(rows, length - start - rows)));
    }

    /// <summary>Bytes of a row of a tile: padded to lines, except that single elements are packed.</summary>
    public static long RowStride(long columns, ElementType format) => columns == 1 ? format.Size() : Lines.RoundUp(columns * format.Size());

    public void SetSource(string operation, Node node) => Builder.SetSource(operation, node.Output.Name, string.Join(",", Storage.SourcesOf(node)));
}
