using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Keeps the values of expressions in the sequencer's registers: emits the arithmetic once per scope and remembers where
/// a value lies until the scope ends or the register is needed.
/// </summary>
internal sealed class ScalarRegisters(List<Instruction> program, Func<string, Dim?> parameterOf)
{
    private sealed class Scope
    {
        public Dictionary<string, Reg> Values { get; } = new(StringComparer.Ordinal);

        /// <summary>Cached values in the order of their last use; loop variables and named values are not here and stay.</summary>
        public List<string> Evictable { get; } = [];

        public List<Reg> Owned { get; } = [];
    }

    private readonly Stack<Scope> _scopes = new([new Scope()]);
    private readonly SortedSet<byte> _free = [.. Enumerable.Range(1, Reg.Count - 1).Select(i => (byte)i)];
    private readonly HashSet<Reg> _pinned = [];

    public int Free => _free.Count;

    public void OpenScope() => _scopes.Push(new Scope());

    public void CloseScope()
    {
        foreach (Reg r in _scopes.Pop().Owned)
        {
            _free.Add(r.Index);
        }
    }

    /// <summary>A register for a loop variable, valid until the scope ends.</summary>
    public Reg Define(string symbol)
    {
        Reg r = Allocate();
        _scopes.Peek().Values[symbol] = r;
        return r;
    }

    /// <summary>Gives a name to the value of an expression, until the scope ends.</summary>
    public void Name(string symbol, DimExpr value)
    {
        Reg r = Compute(value);
        _scopes.Peek().Values[symbol] = r;
        Unpin();
    }

    /// <summary>The operands of the next instruction may now lose their registers.</summary>
    public void Unpin() => _pinned.Clear();

    /// <summary>Whether every symbol has a value here (parameters can always be loaded).</summary>
    public bool Available(DimExpr expression) => expression.Symbols.All(s => Find(s) is not null || parameterOf(s) is not null);

    public bool IsCached(DimExpr expression) => Find(expression.ToString()) is not null;

    /// <summary>A register that holds the value and keeps it until <see cref="Unpin"/>.</summary>
    public Reg Value(DimExpr expression)
    {
        if (expression.Is(0))
        {
            return Reg.Zero;
        }
        string text = expression.ToString();
        if (Find(text) is { } known)
        {
            Touch(text);
            _pinned.Add(known);
            return known;
        }
        if (expression.Terms is [{ Coefficient: 1, Factors: [var atom] }])
        {
            return Atom(atom);
        }
        Reg r = Compute(expression);
        Scope scope = _scopes.Peek();
        scope.Values[text] = r;
        scope.Evictable.Add(text);
        return r;
    }

    /// <summary>An operand: an immediate where the value is a small constant, otherwise a register.</summary>
    public Dim Operand(DimExpr expression) =>
        expression.ConstantValue is >= 0 and <= Dim.MaxImmediate ? Dim.Of(expression.ConstantValue.Value) : Dim.Of(Value(expression));

    private Reg? Find(string text)
    {
        foreach (Scope scope in _scopes)
        {
            if (scope.Values.TryGetValue(text, out Reg r))
            {
                return r;
            }
        }
        return null;
    }

    private void Touch(string text)
    {
        foreach (Scope scope in _scopes)
        {
            if (scope.Evictable.Remove(text))
            {
                scope.Evictable.Add(text);
            }
        }
    }

    /// <summary>Emits the arithmetic of an expression into a fresh register.</summary>
    private Reg Compute(DimExpr expression)
    {
        Reg result = Allocate();
        if (expression.ConstantValue is { } constant)
        {
            program.Add(new LoadImmediate(result, constant));
            return result;
        }
        bool first = true;
        foreach (DimExpr.Term term in expression.Terms.OrderBy(t => t.Factors.Length == 0))
        {
            AddTerm(result, term, first);
            first = false;
        }
        return result;
    }

    private void AddTerm(Reg sum, DimExpr.Term term, bool first)
    {
        if (term.Factors.Length == 0)
        {
            AddConstant(sum, term.Coefficient);
            return;
        }
        bool negative = term.Coefficient < 0 && !first;
        long coefficient = negative ? -term.Coefficient : term.Coefficient;
        Reg product = first ? sum : Temporary();
        Reg factor = Atom(term.Factors[0]);
        if (coefficient == 1 && term.Factors.Length == 1 && !first)
        {
            product = factor;
        }
        else if (term.Factors.Length > 1)
        {
            program.Add(new Scalar(ScalarOp.Mul, product, factor, Atom(term.Factors[1])));
            foreach (DimExpr.Atom next in term.Factors.Skip(2))
            {
                program.Add(new Scalar(ScalarOp.Mul, product, product, Atom(next)));
            }
            Multiply(product, product, coefficient);
        }
        else
        {
            Multiply(product, factor, coefficient);
        }
        if (!first)
        {
            program.Add(new Scalar(negative ? ScalarOp.Sub : ScalarOp.Add, sum, sum, product));
        }
        ReleaseTemporary(product, sum, factor);
    }

    private void Multiply(Reg dst, Reg a, long coefficient)
    {
        if (coefficient == 1)
        {
            if (dst != a)
            {
                program.Add(new Scalar(ScalarOp.Add, dst, a, 0));
            }
        }
        else if (coefficient is >= 0 and <= Dim.MaxImmediate)
        {
            program.Add(new Scalar(ScalarOp.Mul, dst, a, Dim.Of(coefficient)));
        }
        else
        {
            Reg c = Temporary();
            program.Add(new LoadImmediate(c, coefficient));
            program.Add(new Scalar(ScalarOp.Mul, dst, a, c));
            ReleaseTemporary(c, dst, a);
        }
    }

    private void AddConstant(Reg sum, long value)
    {
        if (value is >= -Dim.MaxImmediate and <= Dim.MaxImmediate)
        {
            program.Add(new Scalar(value < 0 ? ScalarOp.Sub : ScalarOp.Add, sum, sum, Dim.Of(long.Abs(value))));
            return;
        }
        Reg c = Temporary();
        program.Add(new LoadImmediate(c, value));
        program.Add(new Scalar(ScalarOp.Add, sum, sum, c));
        ReleaseTemporary(c, sum, sum);
    }

    private Reg Atom(DimExpr.Atom atom)
    {
        switch (atom)
        {
            case DimExpr.SymbolAtom symbol when Find(symbol.Name) is { } known:
                Touch(symbol.Name);
                _pinned.Add(known);
                return known;
            case DimExpr.SymbolAtom symbol:
                Dim index = parameterOf(symbol.Name) ?? throw new InvalidOperationException($"symbol {symbol.Name} has no value here");
                Reg loaded = Remember(symbol.Name);
                program.Add(new LoadParameter(loaded, index));
                return loaded;
            default:
                var composite = (DimExpr.CompositeAtom)atom;
                if (Find(composite.Text) is { } cached)
                {
                    Touch(composite.Text);
                    _pinned.Add(cached);
                    return cached;
                }
                Reg left = Value(composite.Left);
                Dim right = Operand(composite.Right);
                Reg result = Remember(composite.Text);
                program.Add(new Scalar(composite.Kind switch { DimExpr.CompositeKind.FloorDiv => ScalarOp.Div, DimExpr.CompositeKind.Min => ScalarOp.Min, _ => ScalarOp.Max }, result, left, right));
                return result;
        }
    }

    private Reg Remember(string text)
    {
        Reg r = Allocate();
        Scope scope = _scopes.Peek();
        scope.Values[text] = r;
        scope.Evictable.Add(text);
        return r;
    }

    /// <summary>A register owned by the current scope and pinned.</summary>
    private Reg Allocate()
    {
        if (_free.Count == 0)
        {
            Evict();
        }
        var r = new Reg(_free.Min);
        _free.Remove(r.Index);
        _scopes.Peek().Owned.Add(r);
        _pinned.Add(r);
        return r;
    }

    private Reg Temporary() => Allocate();

    /// <summary>Gives a temporary back at once, unless it is one of the registers that live on.</summary>
    private void ReleaseTemporary(Reg r, Reg keep, Reg alsoKeep)
    {
        if (r != keep && r != alsoKeep)
        {
            Release(_scopes.Peek(), r);
        }
    }

    private void Release(Scope scope, Reg r)
    {
        scope.Owned.Remove(r);
        _pinned.Remove(r);
        _free.Add(r.Index);
    }

    /// <summary>
    /// Forgets the value of the innermost scope that was used longest ago. Outer scopes keep theirs: their code stands
    /// before the loop and is not repeated.
    /// </summary>
    private void Evict()
    {
        Scope scope = _scopes.Peek();
        string? victim = scope.Evictable.Find(t => !_pinned.Contains(scope.Values[t]));
        if (victim is null)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC3301", "an address needs more scalar registers than the sequencer has", help: "fewer symbolic dimensions (--bind) make addresses simpler"), FailureKind.DoesNotFit);
        }
        scope.Evictable.Remove(victim);
        scope.Values.Remove(victim, out Reg r);
        Release(scope, r);
    }
}
