using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace TransformerCc.Tests.Campaigns;

/// <summary>A range of seeds, divided over the cores; the verdicts depend on neither their number nor the order.</summary>
internal static class CampaignRun
{
    private const int MostReported = 20;

    /// <summary>Anonymous memory of the whole process, workers and test host together.</summary>
    private const long MemoryLimit = 1L << 30;

    private static readonly TimeSpan s_sampling = TimeSpan.FromMilliseconds(20);

    /// <param name="alone">Whether the process does nothing else, so that its memory is the campaign's.</param>
    /// <returns>The figures of the run, for people.</returns>
    public static string Run(MutantSource source, TimeSpan limit, ulong first, ulong count, int workers, bool alone)
    {
        var problems = new ConcurrentQueue<string>();
        var current = new ulong[workers];
        int compiled = 0;
        long slowest = 0, peak = 0;
        using var done = new CancellationTokenSource();
        // The first sample that exceeds the limit names the seeds in flight.
        var sampler = new Thread(() => peak = Sample(alone ? MemoryLimit : long.MaxValue, bytes => problems.Enqueue($"{bytes >> 20} MiB of memory at seeds {string.Join(", ", current)}"), done.Token));
        sampler.Start();
        var clock = Stopwatch.StartNew();
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        Thread[] threads = [.. Enumerable.Range(0, workers).Select(worker => new Thread(() => Work(worker)))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        done.Cancel();
        sampler.Join();
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"seeds {first} to {first + count - 1}: {compiled} compiled, {problems.Count} problems; {clock.Elapsed.TotalSeconds:F0} s on {workers} threads, {processor.TotalSeconds:F0} s of processor, slowest {TimeSpan.FromTicks(slowest).TotalSeconds:F1} s, {peak >> 20} MiB");
        Assert.True(problems.IsEmpty, $"{figures}\n{string.Join("\n\n", problems)}");
        Assert.True(compiled > (int)(count / 20), $"{figures}: the mutations are too coarse to reach the later stages");
        return figures;

        void Work(int worker)
        {
            using var campaign = new ModelCampaign(source, limit);
            for (ulong seed = first + (ulong)worker; seed < first + count && problems.Count < MostReported; seed += (ulong)workers)
            {
                current[worker] = seed;
                if (campaign.Problem(seed) is { } problem)
                {
                    problems.Enqueue(problem);
                }
            }
            Interlocked.Add(ref compiled, campaign.Compiled);
            InterlockedMax(ref slowest, campaign.Slowest.Ticks);
        }
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (long seen = Interlocked.Read(ref target); value > seen; seen = Interlocked.Read(ref target))
        {
            Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    private static long Sample(long limit, Action<long> exceeded, CancellationToken done)
    {
        long peak = 0;
        for (bool told = false; !done.WaitHandle.WaitOne(s_sampling);)
        {
            peak = long.Max(peak, Anonymous());
            if (peak > limit && !told)
            {
                exceeded(peak);
                told = true;
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
