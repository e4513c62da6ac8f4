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

        /// <summary>Loop variables and named values of this scope.</summary>
        public HashSet<string> Defined { get; } = new(StringComparer.Ordinal);
    }

    private readonly Stack<Scope> _scopes = new([new Scope()]);
    private readonly SortedSet<byte> _free = [.. Enumerable.Range(1, Reg.Count - 1).Select(i => (byte)i)];
    private readonly HashSet<Reg> _pinned = [];

    public int Free => _free.Count;

    public void OpenScope() => _scopes.Push(new Scope());

    /// <summary>Forgets values of this scope, those used longest ago first, until so many registers are free for a scope inside it, or none is left to forget.</summary>
    public void Reserve(int registers)
    {
        while (Free < registers && TryEvict())
        {
        }
    }

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
        _scopes.Peek().Defined.Add(symbol);
        return r;
    }

    /// <summary>Gives a name to the value of an expression, until the scope ends or <see cref="Forget"/>.</summary>
    public void Name(string symbol, DimExpr value)
    {
        Reg r = Compute(value);
        _scopes.Peek().Values[symbol] = r;
        _scopes.Peek().Defined.Add(symbol);
        Unpin();
    }

    /// <summary>Nothing asks for a name of this scope any more.</summary>
    public void Forget(string symbol)
    {
        Scope scope = _scopes.Peek();
        if (scope.Defined.Remove(symbol) && scope.Values.Remove(symbol, out Reg r))
        {
            Release(scope, r);
        }
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

    /// <summary>
    /// The parts of an expression that can be computed here although the whole cannot: the sum of the terms whose symbols
    /// have values, and of every other term the product of the factors that have. <see cref="Compute"/> looks for them.
    /// </summary>
    public IEnumerable<DimExpr> AvailableParts(DimExpr expression)
    {
        if (Available(expression))
        {
            return [expression];
        }
        bool IsAvailable(DimExpr.Atom atom) => Available(DimExpr.FromFactor(atom));
        var parts = new List<DimExpr>();
        DimExpr sum = DimExpr.Zero;
        foreach (DimExpr.Term term in expression.Terms)
        {
            DimExpr.Atom[] available = [.. term.Factors.Where(IsAvailable)];
            if (available.Length == term.Factors.Length)
            {
                sum += DimExpr.FromTerm(term);
            }
            else if (available.Length > 0)
            {
                parts.Add(DimExpr.FromTerm(new DimExpr.Term(long.Abs(term.Coefficient), [.. available])));
            }
        }
        return sum.IsConstant ? parts : parts.Prepend(sum);
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
        Reg? sum = null;
        IEnumerable<DimExpr.Term> terms = expression.Terms;
        // What a loop further out has prepared is the part without the innermost variable.
        int depth = expression.Terms.Max(Depth);
        DimExpr outer = expression.Terms.Where(t => Depth(t) < depth).Aggregate(DimExpr.Zero, (x, t) => x + DimExpr.FromTerm(t));
        if (!outer.IsConstant && Find(outer.ToString()) is { } prepared)
        {
            Touch(outer.ToString());
            _pinned.Add(prepared);
            sum = prepared;
            terms = terms.Where(t => Depth(t) == depth);
        }
        foreach (DimExpr.Term term in terms.OrderBy(t => t.Factors.Length == 0).ThenBy(t => t.Coefficient < 0))
        {
            sum = AddTerm(result, sum, term);
        }
        if (sum != result)
        {
            program.Add(new Scalar(ScalarOp.Add, result, sum!.Value, 0));
        }
        return result;
    }

    /// <summary>result = sum ± term; returns the register that holds it, which is another where nothing had to be computed.</summary>
    private Reg AddTerm(Reg result, Reg? sum, DimExpr.Term term)
    {
        bool negative = term.Coefficient < 0;
        if (term.Factors.Length == 0 && long.Abs(term.Coefficient) <= Dim.MaxImmediate)
        {
            program.Add(new Scalar(negative ? ScalarOp.Sub : ScalarOp.Add, result, sum ?? Reg.Zero, Dim.Of(long.Abs(term.Coefficient))));
            return result;
        }
        if (sum is null && !negative)
        {
            return Product(result, term);
        }
        Reg temporary = Allocate();
        program.Add(new Scalar(negative ? ScalarOp.Sub : ScalarOp.Add, result, sum ?? Reg.Zero, Product(temporary, term)));
        Release(_scopes.Peek(), temporary);
        return result;
    }

    /// <summary>The magnitude of a term, in the target or in a register that holds it already.</summary>
    private Reg Product(Reg target, DimExpr.Term term)
    {
        long coefficient = long.Abs(term.Coefficient);
        if (term.Factors.Length == 0)
        {
            program.Add(new LoadImmediate(target, coefficient));
            return target;
        }
        if (term.Factors.Length == 1 && coefficient == 1)
        {
            return Atom(term.Factors[0]);
        }
        DimExpr.Atom innermost = term.Factors.MaxBy(Depth)!;
        DimExpr others = DimExpr.FromTerm(new DimExpr.Term(coefficient, term.Factors.Remove(innermost)));
        if (Find(others.ToString()) is { } prepared)
        {
            Touch(others.ToString());
            _pinned.Add(prepared);
            program.Add(new Scalar(ScalarOp.Mul, target, prepared, Atom(innermost)));
            return target;
        }
        Reg product = Atom(term.Factors[0]);
        foreach (DimExpr.Atom factor in term.Factors.Skip(1))
        {
            program.Add(new Scalar(ScalarOp.Mul, target, product, Atom(factor)));
            product = target;
        }
        if (coefficient is not 1)
        {
            program.Add(new Scalar(ScalarOp.Mul, target, product, Operand(coefficient)));
        }
        return target;
    }

    /// <summary>The scope that defines the innermost symbol; parameters are outside all.</summary>
    private int Depth(DimExpr.Term term) => term.Factors.Select(Depth).DefaultIfEmpty(-1).Max();

    private int Depth(DimExpr.Atom atom) => DimExpr.FromFactor(atom).Symbols.Max(Depth);

    private int Depth(string symbol)
    {
        int depth = _scopes.Count;
        foreach (Scope scope in _scopes)
        {
            depth--;
            if (scope.Defined.Contains(symbol))
            {
                return depth;
            }
        }
        return -1;
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
                // Minimum and maximum commute: a constant goes where an immediate can be.
                bool swap = composite.Kind != DimExpr.CompositeKind.FloorDiv && composite.Left.IsConstant;
                Reg left = Value(swap ? composite.Right : composite.Left);
                Dim right = Operand(swap ? composite.Left : composite.Right);
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
        if (_free.Count == 0 && !TryEvict())
        {
            throw new DiagnosticException(Diagnostic.Error("TCC3301", "an address needs more scalar registers than the sequencer has", help: "fewer symbolic dimensions (--bind) make addresses simpler"), FailureKind.DoesNotFit);
        }
        var r = new Reg(_free.Min);
        _free.Remove(r.Index);
        _scopes.Peek().Owned.Add(r);
        _pinned.Add(r);
        return r;
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
    private bool TryEvict()
    {
        Scope scope = _scopes.Peek();
        string? victim = scope.Evictable.Find(t => !_pinned.Contains(scope.Values[t]));
        if (victim is null)
        {
            return false;
        }
        scope.Evictable.Remove(victim);
        scope.Values.Remove(victim, out Reg r);
        Release(scope, r);
        return true;
    }
}
