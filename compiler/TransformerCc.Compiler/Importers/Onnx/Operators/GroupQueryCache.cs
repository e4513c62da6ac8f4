using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// The caches of GroupQueryAttention. Row i of a cache holds the key of position start + i of its sequence: start is 0, or
/// with sliding_window_cache what was evicted so far. The new rows go behind each sequence's own past; the rows behind
/// them are 0, as ONNX Runtime leaves them.
/// </summary>
internal sealed class GroupQueryCache
{
    private readonly NodeContext _n;
    private readonly DimExpr _batch, _heads, _length, _capacity, _result;
    private readonly Value _past, _total, _rows;
    private readonly bool _isWindowed;
    private readonly Value? _start;

    /// <param name="cache">The past of the keys, [batch, heads, capacity, columns].</param>
    /// <param name="length">New rows.</param>
    /// <param name="past">Positions of each sequence before this call: [batch, 1] of i64.</param>
    /// <param name="total">Positions after it.</param>
    /// <param name="totalInput">The input that holds the largest total.</param>
    public GroupQueryCache(NodeContext n, TensorType cache, DimExpr length, Value past, Value total, int totalInput)
    {
        (_n, _length, _past, _total) = (n, length, past, total);
        (_batch, _heads, _capacity) = (cache.Shape[0], cache.Shape[1], cache.Shape[2]);
        _isWindowed = n.Int("sliding_window_cache", 0) != 0;
        if (_isWindowed && length.Is(0))
        {
            throw ImportException.Invalid("sliding_window_cache needs new keys: without them nothing says what the cache holds", "export the model again with sliding_window_cache 0");
        }
        _start = _isWindowed ? Evicted(past) : null;
        Value? excess = null;
        _result = _isWindowed ? _capacity : ResultLength(totalInput, out excess);
        _rows = Rows(_isWindowed ? Evicted(total) : null, excess);
    }

    /// <summary>
    /// The rows of the result: as many as the past has, or the largest total when that is more. A total that is data is
    /// within a cache of constant capacity, and past and new rows together where the past has a length of its own; a call that
    /// contradicts is trapped, by rows that do not exist.
    /// </summary>
    private DimExpr ResultLength(int totalInput, out Value? excess)
    {
        if (_n.Contents(totalInput) is not null)
        {
            excess = null;
            return DimExpr.Max(_n.Dims(totalInput, "the total length")[0], _capacity);
        }
        bool isFixed = _capacity.ConstantValue is not null;
        DimExpr result = isFixed ? _capacity : _capacity + _length;
        _n.Session.Diagnostics.Add(Diagnostic.Note(ImportCodes.Assumption, isFixed
            ? $"the total length is data: it is taken to be within the {result} rows of the cache, a longer one stops the run"
            : $"the total length is data: it is taken to be {result}, past and new tokens together, another one stops the run", _n.Location,
            isFixed ? null : $"for a cache of fixed capacity give {_capacity} a number: --bind {_capacity}=N"));
        Value over = _n.Subtract(_n.Integers(_n.Value(totalInput), 1, 1), Number(result));
        over = isFixed ? _n.Binary(BinaryOp.Max, over, Zero) : _n.Cast(_n.Binary(BinaryOp.NotEqual, over, Zero), ElementType.I64);
        excess = _n.Add(over, _n.Binary(BinaryOp.Max, _n.Subtract(_total, Number(result)), Zero));
        return result;
    }

    private Value Zero => _n.Scalar(ElementType.I64, 0);

    private Value Number(DimExpr number) => _n.Emit(new ShapeValue([number], [1, 1]));

    /// <summary>The rows of [cache; new rows; a row of zeros].</summary>
    private DimExpr Joined => _capacity + _length + 1;

    /// <summary>
    /// Positions evicted of a cache of C rows after T positions with a window of W: 0 while T ≤ C, otherwise a multiple of
    /// G = C − W + 1, the least that leaves no more than C: G · ⌈(T − C) / G⌉ (ContribOperators.md, Windowed KV Cache).
    /// </summary>
    private Value Evicted(Value total)
    {
        long window = _n.Int("local_window_size", -1);
        if (window <= 0)
        {
            throw ImportException.Invalid($"sliding_window_cache needs a local_window_size above 0, it is {window}", "set local_window_size to the window of the layer");
        }
        long capacity = _capacity.ConstantValue ?? throw ImportException.Invalid($"sliding_window_cache needs a cache of known capacity, it has {_capacity} rows",
            $"fix it with --bind {_capacity}=N");
        if (capacity < window)
        {
            throw ImportException.Invalid($"a cache of {capacity} rows does not hold a window of {window}", $"give the cache {window} rows or more");
        }
        Value group = _n.Scalar(ElementType.I64, capacity - window + 1);
        Value over = _n.Binary(BinaryOp.Max, _n.Subtract(total, _n.Scalar(ElementType.I64, capacity)), Zero);
        Value groups = _n.Divide(_n.Add(over, _n.Scalar(ElementType.I64, capacity - window)), group);
        return _n.Multiply(groups, group);
    }

    /// <summary>For every row of the result the row of [cache; new rows; zeros]: [batch, rows].</summary>
    /// <param name="start">The position of the first row of the result; null is 0.</param>
    private Value Rows(Value? start, Value? excess)
    {
        Value position = _n.Positions(_result, 2, 1);
        position = start is null ? position : _n.Add(position, start);
        Value old = _start is null ? position : _n.Subtract(position, _start);
        Value later = _n.Binary(BinaryOp.Min, _n.Add(_n.Subtract(position, _past), Number(_capacity)), Number(Joined - 1));
        Value rows = _n.Select(_n.Binary(BinaryOp.Less, position, _past), _n.Broadcast(old, [_batch, _result]), later);
        return excess is null ? rows : _n.Add(rows, _n.Multiply(excess, Number(_batch * _heads * Joined)));
    }

    /// <summary>The cache after this call: [batch, heads, rows, columns].</summary>
    /// <param name="cache">[batch, heads, capacity, columns].</param>
    /// <param name="current">[batch, heads, length, columns].</param>
    public Value Append(Value cache, Value current)
    {
        DimExpr columns = cache.Type.Shape[3];
        Value none = _n.Broadcast(_n.Scalar(cache.Type.Element, 0), [_batch, _heads, DimExpr.One, columns]);
        Value all = _length.Is(0) ? _n.Emit(new Concat(2), cache, none) : _n.Emit(new Concat(2), cache, current, none);
        Value joined = _n.Reshape(all, [_batch * _heads * Joined, columns]);
        Value head = _n.Multiply(_n.Positions(_batch * _heads, 1, 0), _n.Emit(new ShapeValue([Joined], [1])));
        Value index = _n.Add(_n.Reshape(head, [_batch, _heads, 1]), _n.Reshape(_rows, [_batch, 1, _result]));
        return _n.Emit(new Gather(0), joined, index);
    }

    /// <summary>
    /// What the queries read of a cache: the rows after this call, but past and new rows side by side where the new ones evict
    /// rows that earlier queries of the same call see.
    /// </summary>
    public Value Read(Value cache, Value current, Value appended) => _isWindowed ? _n.Emit(new Concat(2), cache, current) : appended;

    /// <summary>The position of every row that is read: [1 or batch, 1, 1, rows]; behind every query where it holds none.</summary>
    public Value Positions()
    {
        if (_start is null)
        {
            return _n.Positions(_result, 4, 3);
        }
        Value Own(Value x) => _n.Reshape(x, [_batch, 1, 1, 1]);
        Value row = _n.Positions(_capacity + _length, 4, 3), capacity = _n.Emit(new ShapeValue([_capacity], [1, 1, 1, 1]));
        Value old = _n.Add(row, Own(_start)), later = _n.Add(_n.Subtract(row, capacity), Own(_past));
        Value isOld = _n.Binary(BinaryOp.Less, row, capacity), isEmpty = _n.Binary(BinaryOp.GreaterOrEqual, old, Own(_past));
        return _n.Select(isOld, _n.Select(isEmpty, _n.Scalar(ElementType.I64, int.MaxValue), old), later);
    }
}
