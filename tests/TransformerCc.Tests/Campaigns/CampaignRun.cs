using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace TransformerCc.Tests.Campaigns;

/// <summary>A range of seeds, divided over the cores; the verdicts depend on neither their number nor the order.</summary>
internal sealed class CampaignRun
{
    private const int MostReported = 20;

    /// <summary>Anonymous memory of the whole process, workers and test host together.</summary>
    private const long MemoryLimit = 1L << 30;

    private static readonly TimeSpan s_sampling = TimeSpan.FromMilliseconds(20);

    /// <summary>Between two lines of a log.</summary>
    private static readonly TimeSpan s_reporting = TimeSpan.FromSeconds(20);

    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ConcurrentQueue<ICampaign> _finished = new();
    private readonly Worker[] _workers;
    private readonly CampaignKind _kind;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly string? _log;
    private readonly bool _all;
    private readonly ulong _first, _count;
    private int _reached;

    private CampaignRun(CampaignKind kind, bool all, ulong first, ulong count, int workers, string? log)
    {
        (_kind, _all, _first, _count, _log) = (kind, all, first, count, log);
        _workers = [.. Enumerable.Range(0, workers).Select(i => new Worker { Seed = first + (ulong)i })];
    }

    /// <summary>What a worker does, for whoever watches it.</summary>
    private sealed class Worker
    {
        /// <summary>Of the trial that runs, or the next one.</summary>
        public ulong Seed { get; set; }

        public int Done { get; set; }

        public int Reached { get; set; }

        /// <summary>Tick count in milliseconds.</summary>
        public long Began { get; set; } = long.MaxValue;

        public long SlowestMilliseconds { get; set; }
    }

    /// <param name="all">With all the data there is.</param>
    /// <param name="limit">Of one trial.</param>
    /// <param name="alone">Whether the process does nothing else, so that its memory is the campaign's.</param>
    /// <param name="log">A file that gets a line with the progress now and then; null for none.</param>
    /// <returns>The figures of the run, for people.</returns>
    public static string Run(CampaignKind kind, bool all, TimeSpan limit, ulong first, ulong count, int workers, bool alone, string? log = null) =>
        new CampaignRun(kind, all, first, count, workers, log).Run(limit, alone ? MemoryLimit : long.MaxValue);

    private string Run(TimeSpan limit, long memory)
    {
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        // In the background: a trial that hangs ends with the process, not the process with the trial.
        Thread[] threads = [.. _workers.Select((_, i) => new Thread(() => Work(i)) { IsBackground = true })];
        Array.ForEach(threads, t => t.Start());
        long peak = Watch(threads, limit, memory);
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        Report();
        ICampaign[] finished = [.. _finished];
        if (_log is not null && finished is [var one, ..])
        {
            File.AppendAllText(_log, one.Tables(finished));
        }
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"{_kind.Name}, seeds {_first} to {_first + _count - 1}: {_reached} went all the way, {_problems.Count} problems; {_clock.Elapsed.TotalSeconds:F0} s on {_workers.Length} threads, {processor.TotalSeconds:F0} s of processor, slowest {_workers.Max(w => w.SlowestMilliseconds) / 1000.0:F1} s, {peak >> 20} MiB{string.Concat(finished.Select(c => c.Figures).Where(f => f.Length > 0).Select(f => $"; {f}"))}");
        Assert.True(_problems.IsEmpty, $"{figures}\n{string.Join("\n\n", _problems)}");
        Assert.True(_reached >= _kind.LeastReached * _count, $"{figures}: the trials are too coarse to reach the later stages");
        return figures;
    }

    private void Work(int index)
    {
        Worker worker = _workers[index];
        using ICampaign campaign = _kind.Make(_all);
        for (ulong seed = _first + (ulong)index; seed < _first + _count && _problems.Count < MostReported; seed += (ulong)_workers.Length)
        {
            worker.Seed = seed;
            worker.Began = Environment.TickCount64;
            string? problem;
            try
            {
                problem = campaign.Problem(seed);
            }
#pragma warning disable CA1031 // A campaign looks for exceptions of every type.
            catch (Exception e)
#pragma warning restore CA1031
            {
                problem = e.ToString();
            }
            (worker.Done, worker.Reached, worker.Seed) = (worker.Done + 1, campaign.Reached, seed + (ulong)_workers.Length);
            long took = Environment.TickCount64 - worker.Began;
            worker.SlowestMilliseconds = long.Max(worker.SlowestMilliseconds, took);
            if (problem is not null)
            {
                _problems.Enqueue(string.Create(CultureInfo.InvariantCulture, $"seed {seed} ({took / 1000.0:F1} s): {problem}"));
            }
        }
        worker.Began = long.MaxValue;
        Interlocked.Add(ref _reached, campaign.Reached);
        _finished.Enqueue(campaign);
    }

    /// <summary>A line of the log: how far the run is, and what goes on where it ends.</summary>
    private void Report()
    {
        if (_log is null)
        {
            return;
        }
        (int done, int reached, ulong next) = (_workers.Sum(w => w.Done), _workers.Sum(w => w.Reached), _workers.Min(w => w.Seed));
        string rest = next < _first + _count ? string.Create(CultureInfo.InvariantCulture, $"; go on with {_kind.Name}:{next}:{_first + _count - next}") : "";
        File.AppendAllText(_log, string.Create(CultureInfo.InvariantCulture,
            $"{_kind.Name}: {done} of {_count} from seed {_first} on, {reached} went all the way, {_problems.Count} problems, the others refused; {_clock.Elapsed.TotalSeconds:F0} s, {_clock.Elapsed.TotalMilliseconds / int.Max(1, done):F1} ms a trial{rest}\n"));
    }

    /// <summary>Until all are done, or one of them has hung.</summary>
    /// <returns>The most memory seen.</returns>
    private long Watch(Thread[] threads, TimeSpan limit, long memory)
    {
        long peak = 0;
        bool told = false;
        TimeSpan reported = _clock.Elapsed;
        foreach (Thread thread in threads)
        {
            while (!thread.Join(s_sampling))
            {
                peak = long.Max(peak, Anonymous());
                if (_clock.Elapsed - reported > s_reporting)
                {
                    Report();
                    reported = _clock.Elapsed;
                }
                if (peak > memory && !told)
                {
                    _problems.Enqueue($"{peak >> 20} MiB of memory at seeds {string.Join(", ", _workers.Select(w => w.Seed))}");
                    told = true;
                }
                if (_workers.FirstOrDefault(w => Environment.TickCount64 - w.Began > limit.TotalMilliseconds) is { } hung)
                {
                    _problems.Enqueue($"seed {hung.Seed}: still running after {limit}");
                    return peak;
                }
            }
        }
        return peak;
    }

    /// <summary>Resident bytes that no file backs (Linux); elsewhere the managed heap.</summary>
    private static long Anonymous()
    {
        const string Status = "/proc/self/status";
        return !File.Exists(Status) ? GC.GetTotalMemory(false) : File.ReadLines(Status)
            .Where(line => line.StartsWith("RssAnon:", StringComparison.Ordinal) || line.StartsWith("RssShmem:", StringComparison.Ordinal))
            .Sum(line => 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
    }
}
