using System.Runtime.CompilerServices;

namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>What a search found out.</summary>
public enum SearchOutcome
{
    Solved,
    /// <summary>No plan exists within the capacity.</summary>
    Impossible,
    /// <summary>The budget of steps ran out.</summary>
    Undecided,
}

/// <param name="Solution">Null unless solved.</param>
/// <param name="Steps">Search nodes visited; the same for the same problem on any machine.</param>
public sealed record SearchResult(SearchOutcome Outcome, PackingSolution? Solution, long Steps);

/// <summary>
/// Exact search for a plan within the capacity: depth first over canonical plans, in which buffers are placed in ascending
/// order of offset, each as low as those below it allow (Moffitt, "MiniMalloc: A Lightweight Memory Allocator for
/// Hardware-Accelerated Machine Learning", ASPLOS 2023). The budget counts search nodes, never time.
/// </summary>
/// <remarks>
/// A node is cut off when a section cannot hold what is not placed yet above its floor, when a buffer would leave a gap
/// that another one fits below it, or when an equal buffer stands before it. Where no buffer spans a boundary between
/// sections any more, both sides are searched on their own. Several orders of preference take turns with growing budgets,
/// because each is quick on other problems.
/// </remarks>
public sealed class BranchAndBoundPlanner
{
    private readonly PackingProblem _problem;
    private readonly PackingSweep _sweep;
    private readonly long[] _size, _alignment, _lowest, _offset, _solution, _floor, _unplaced;
    private readonly int[] _spanning;
    private readonly bool[] _touched;
    private readonly List<int> _touchedSections = [];
    private readonly Stack<(int Index, long Value)> _lowestTrail = [], _floorTrail = [];
    private long _stepsLeft, _steps;
    private PackingPreference _preference;

    private const long NotPlaced = -1;

    private BranchAndBoundPlanner(PackingProblem problem)
    {
        _problem = problem;
        _sweep = new PackingSweep(problem);
        _size = [.. problem.Buffers.Select(b => b.Size)];
        _alignment = [.. problem.Buffers.Select(b => b.Alignment)];
        _lowest = new long[_size.Length];
        _offset = new long[_size.Length];
        _solution = new long[_size.Length];
        _floor = new long[_sweep.Sections];
        _unplaced = new long[_sweep.Sections];
        _touched = new bool[_sweep.Sections];
        _spanning = new int[_sweep.Sections];
    }

    /// <param name="budget">Search nodes.</param>
    public static SearchResult Solve(PackingProblem problem, long budget)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return new BranchAndBoundPlanner(problem).Run(budget);
    }

    private SearchResult Run(long budget)
    {
        if (_size.Any(size => size > _problem.Capacity))
        {
            // The search sees no buffer that lives at no step; it has to fit all the same.
            return new SearchResult(SearchOutcome.Impossible, null, 0);
        }
        for (long turn = 2L * int.Max(1, _size.Length); ; turn *= 2)
        {
            foreach (PackingPreference preference in Enum.GetValues<PackingPreference>())
            {
                if (_steps >= budget)
                {
                    return new SearchResult(SearchOutcome.Undecided, null, _steps);
                }
                _preference = preference;
                _stepsLeft = long.Min(turn, budget - _steps);
                Reset();
                SearchOutcome outcome = Roots();
                if (outcome != SearchOutcome.Undecided)
                {
                    return new SearchResult(outcome, outcome == SearchOutcome.Solved ? new PackingSolution([.. _solution]) : null, _steps);
                }
            }
        }
    }

    private void Reset()
    {
        Array.Clear(_lowest);
        Array.Clear(_floor);
        Array.Clear(_unplaced);
        Array.Clear(_spanning);
        _lowestTrail.Clear();
        _floorTrail.Clear();
        for (int b = 0; b < _size.Length; b++)
        {
            SectionRange range = _sweep.Ranges[b];
            _offset[b] = range.Upper > range.Lower ? NotPlaced : 0;
            for (int s = range.Lower; s < range.Upper; s++)
            {
                _unplaced[s] += _size[b];
                _spanning[s] += s + 1 < range.Upper ? 1 : 0;
            }
        }
    }

    /// <summary>The parts of the problem that share no section from the start.</summary>
    private SearchOutcome Roots()
    {
        var all = new SectionRange(0, _sweep.Sections);
        int[] buffers = [.. Enumerable.Range(0, _size.Length).Where(b => _offset[b] == NotPlaced)];
        return Separately(all, buffers, [0, .. Enumerable.Range(1, int.Max(0, _sweep.Sections - 1)).Where(s => _spanning[s - 1] == 0), _sweep.Sections]);
    }

    /// <summary>Each stretch between two boundaries by itself; one that fails settles them all.</summary>
    private SearchOutcome Separately(SectionRange whole, int[] buffers, List<int> boundaries)
    {
        for (int i = 1; i < boundaries.Count; i++)
        {
            var range = new SectionRange(int.Max(whole.Lower, boundaries[i - 1]), int.Min(whole.Upper, boundaries[i]));
            int[] inside = [.. buffers.Where(b => _offset[b] == NotPlaced && _sweep.Ranges[b].Overlaps(range))];
            if (inside.Length > 0 && Search(range, Preferred(inside), 0, 0) is var outcome and not SearchOutcome.Solved)
            {
                return outcome;
            }
        }
        return SearchOutcome.Solved;
    }

    private int[] Preferred(int[] buffers)
    {
        long Crowd(int b)
        {
            long most = 0;
            for (int s = _sweep.Ranges[b].Lower; s < _sweep.Ranges[b].Upper; s++)
            {
                most = long.Max(most, _unplaced[s]);
            }
            return most;
        }
        return PackingPreferences.Order(_preference, [.. buffers.Select(b => new PackingTraits(b, _problem.Buffers[b].Lifespan.Upper - _problem.Buffers[b].Lifespan.Lower, _size[b], Crowd(b)))]);
    }

    /// <param name="order">The buffers of the range, most preferred first; some may be placed already.</param>
    /// <param name="lastOffset">Of the buffer placed last, and its rank in the order.</param>
    private SearchOutcome Search(SectionRange range, int[] order, long lastOffset, int lastRank)
    {
        _steps++;
        if (_stepsLeft-- <= 0 || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return SearchOutcome.Undecided;
        }
        // A buffer that starts where another one would already have ended leaves a gap for nothing.
        long lowestTop = long.MaxValue;
        bool any = false;
        foreach (int b in order)
        {
            if (_offset[b] == NotPlaced)
            {
                any = true;
                lowestTop = long.Min(lowestTop, _lowest[b] + _size[b]);
            }
        }
        if (!any)
        {
            return SearchOutcome.Solved;
        }
        foreach ((long offset, int rank) in Candidates(order, lowestTop, lastOffset, lastRank))
        {
            SearchOutcome outcome = Place(range, order, offset, rank);
            if (outcome != SearchOutcome.Impossible)
            {
                return outcome;
            }
        }
        return SearchOutcome.Impossible;
    }

    /// <summary>Ascending by offset, then by preference; only those that keep the plan canonical.</summary>
    private List<(long Offset, int Rank)> Candidates(int[] order, long lowestTop, long lastOffset, int lastRank)
    {
        var candidates = new List<(long Offset, int Rank)>();
        for (int rank = 0; rank < order.Length; rank++)
        {
            int b = order[rank];
            long offset = _lowest[b];
            if (_offset[b] == NotPlaced && offset < lowestTop && (offset > lastOffset || (offset == lastOffset && rank >= lastRank)) && !HasTwin(order, rank, b))
            {
                candidates.Add((offset, rank));
            }
        }
        candidates.Sort();
        return candidates;
    }

    /// <summary>Equal buffers with equal lifespans are exchangeable: only the first is tried. Preference keeps them side by side.</summary>
    private bool HasTwin(int[] order, int rank, int buffer) =>
        rank > 0 && order[rank - 1] is var before && _offset[before] == NotPlaced && _size[before] == _size[buffer] && _sweep.Ranges[before] == _sweep.Ranges[buffer] && _alignment[before] == _alignment[buffer];

    private SearchOutcome Place(SectionRange range, int[] order, long offset, int rank)
    {
        int buffer = order[rank];
        (int lowestMark, int floorMark) = (_lowestTrail.Count, _floorTrail.Count);
        // Kept when the search succeeds: every buffer's last place is the one it succeeded with. The state itself is always
        // taken back, because a part that is solved may stand beside one that is not.
        _solution[buffer] = offset;
        _offset[buffer] = offset;
        Raise(buffer, offset + _size[buffer]);
        SearchOutcome outcome = Holds(range, offset) ? Deeper(range, order, offset, rank, buffer) : SearchOutcome.Impossible;
        while (_floorTrail.Count > floorMark)
        {
            (int s, long value) = _floorTrail.Pop();
            _floor[s] = value;
        }
        while (_lowestTrail.Count > lowestMark)
        {
            (int b, long value) = _lowestTrail.Pop();
            _lowest[b] = value;
        }
        SectionRange own = _sweep.Ranges[buffer];
        for (int s = own.Lower; s < own.Upper; s++)
        {
            _unplaced[s] += _size[buffer];
        }
        _offset[buffer] = NotPlaced;
        return outcome;
    }

    /// <summary>Lifts what lives beside the placed buffer above it, and the floors of all sections that this touches.</summary>
    private void Raise(int buffer, long top)
    {
        foreach (int other in _sweep.Overlaps[buffer])
        {
            if (_offset[other] != NotPlaced || _lowest[other] >= top)
            {
                continue;
            }
            _lowestTrail.Push((other, _lowest[other]));
            _lowest[other] = (top + _alignment[other] - 1) / _alignment[other] * _alignment[other];
            SectionRange touched = _sweep.Ranges[other];
            for (int s = touched.Lower; s < touched.Upper; s++)
            {
                if (!_touched[s])
                {
                    _touched[s] = true;
                    _touchedSections.Add(s);
                }
            }
        }
        SectionRange own = _sweep.Ranges[buffer];
        for (int s = own.Lower; s < own.Upper; s++)
        {
            SetFloor(s, top);
            _unplaced[s] -= _size[buffer];
        }
        foreach (int s in _touchedSections)
        {
            _touched[s] = false;
            long lowest = long.MaxValue;
            foreach (int b in _sweep.Members[s])
            {
                if (_offset[b] == NotPlaced)
                {
                    lowest = long.Min(lowest, _lowest[b]);
                }
            }
            if (lowest != long.MaxValue && lowest > _floor[s])
            {
                SetFloor(s, lowest);
            }
        }
        _touchedSections.Clear();
    }

    private void SetFloor(int section, long value)
    {
        _floorTrail.Push((section, _floor[section]));
        _floor[section] = value;
    }

    /// <summary>Nothing will be placed below the last offset any more: above it, or above its floor, each section must hold the rest.</summary>
    private bool Holds(SectionRange range, long offset)
    {
        ReadOnlySpan<long> floors = _floor.AsSpan(range.Lower, range.Upper - range.Lower), unplaced = _unplaced.AsSpan(range.Lower, range.Upper - range.Lower);
        for (int s = 0; s < floors.Length; s++)
        {
            if (long.Max(floors[s], offset) + unplaced[s] > _problem.Capacity)
            {
                return false;
            }
        }
        return true;
    }

    private SearchOutcome Deeper(SectionRange range, int[] order, long offset, int rank, int buffer)
    {
        SectionRange own = _sweep.Ranges[buffer];
        List<int>? boundaries = null;
        for (int s = own.Lower; s + 1 < own.Upper; s++)
        {
            if (--_spanning[s] == 0)
            {
                (boundaries ??= [range.Lower]).Add(s + 1);
            }
        }
        SearchOutcome outcome;
        if (boundaries is null)
        {
            outcome = Search(range, order, offset, rank);
        }
        else
        {
            boundaries.Add(range.Upper);
            outcome = Separately(range, order, boundaries);
        }
        for (int s = own.Lower; s + 1 < own.Upper; s++)
        {
            _spanning[s]++;
        }
        return outcome;
    }
}
