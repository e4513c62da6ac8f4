using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;

namespace TransformerCc.Tests.Caches;

/// <summary>Caches in pages that sequences share: where the pages lie changes no bit, and what is not there is refused.</summary>
public class PagedCacheTests
{
    private const long Context = 300;

    [Theory]
    [InlineData(null, 0, PageCaches.Positions)]
    [InlineData(null, 1000, 128)]
    [InlineData(CacheFormat.Int8, 1000, 128)]
    [InlineData(CacheFormat.BF16, 140, 128)]
    public void AnyTableGivesTheBitsOfAnAppendedCache(CacheFormat? format, int window, int page)
    {
        var whole = new CacheGraphs(Cache: format, Window: window);
        using CachedProgram appended = new(whole, TestChips.Default, Precision.F32), paged = new(whole with { Page = page }, TestChips.Default, Precision.F32);
        Assert.All(paged.Program.Image.Tensors.Where(t => t.State is not null), t => Assert.Equal((StateMode.Paged, DimExpr.Constant(page)), (t.State!.Mode, t.Shape[2])));
        Dictionary<string, Tensor> sequences = whole.Sequences(new Random(6), 2, Context);
        byte[] expected = Run(appended, null);
        Assert.Equal(expected, Run(paged, null));
        long columns = (Context + page - 1) / page;
        Assert.Equal(expected, Run(paged, CacheGraphs.Table(2, [.. Enumerable.Range(0, (int)columns * 2).Select(p => (long)p)])));
        // Pages of the sequences in turns, from the last on.
        Assert.Equal(expected, Run(paged, CacheGraphs.Table(2, [.. Enumerable.Range(0, (int)columns * 2).Select(i => (2 * columns) - 1 - (2 * (i % columns)) - (i / columns))])));

        // Both sequences read different lengths: the second is 90 positions behind the first.
        byte[] Run(CachedProgram program, Tensor? table)
        {
            CachedProgram.Caches caches = program.Begin(2, Context);
            var bytes = new List<byte>();
            Step(0, 0, 100);
            Step(100, 10, 100);
            Step(200, 110, 55);
            Step(255, 165, 1);
            Step(256, 166, 1);
            Step(257, 167, 43);
            return [.. bytes];

            void Step(long first, long second, long length)
            {
                Dictionary<string, Tensor> inputs = sequences.ToDictionary(s => s.Key, s =>
                    new Tensor(s.Value.Type, [2, length, .. s.Value.Shape[2..]], (byte[])[.. CacheGraphs.Part(s.Value, 0, 1, first, length).Data.Span, .. CacheGraphs.Part(s.Value, 1, 1, second, length).Data.Span]));
                if (table is not null)
                {
                    inputs[StateDescription.PageTable] = table;
                }
                bytes.AddRange(program.Run(caches, inputs, [first, second]).Data.ToArray());
            }
        }
    }

    [Fact]
    public void LargeBlocksDoNotCrossPages()
    {
        var whole = new CacheGraphs(MaxContext: 4096, MaxLength: 500);
        using CachedProgram appended = new(whole, TestChips.Default, Precision.F32), paged = new(whole with { Page = PageCaches.Positions }, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = whole.Sequences(new Random(7), 1, 1300);
        Assert.Equal(appended.RunChunks(sequences, 1300, [500, 500, 300]), paged.RunChunks(sequences, 1300, [500, 500, 20, 7, 273]));
    }

    [Fact]
    public void PagesAreTakenWhenTheyAreNeededAndGivenBack()
    {
        var graphs = new CacheGraphs(Page: 128);
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 2, Context);
        SessionState state = SessionState.Create(program.Program, new Dictionary<string, long> { ["batch"] = 2, ["context"] = Context, ["pages"] = 4 });
        Assert.Equal(0, state.Pages);
        Run(0, 0, 100);
        Assert.Equal(2, state.Pages);
        Run(100, 100, 28);
        Assert.Equal(2, state.Pages);
        Run(128, 128, 1);
        Assert.Equal(4, state.Pages);
        // The pool is full: nothing changes, until one sequence is over.
        Assert.Equal("TCC5039", Assert.Throws<DiagnosticException>(() => Run(129, 129, 128)).Diagnostics[0].Code);
        Assert.Equal(4, state.Pages);
        Assert.Equal([129L, 129], state.Positions);
        state.Release(1);
        Assert.Equal(2, state.Pages);
        Assert.Equal([129L, 0], state.Positions);
        Run(129, 0, 128);
        Assert.Equal(4, state.Pages);
        state.Clear();
        Assert.Equal(0, state.Pages);

        void Run(long first, long second, long length)
        {
            Dictionary<string, Tensor> inputs = CacheGraphs.Positions(sequences, 0, length);
            inputs["past"] = CacheGraphs.Past(first, second);
            new Session(program.Program).Run(inputs, new RunOptions { State = state });
        }
    }

    /// <summary>The session does not know the pages of a table that was given: it would take others, of other sequences.</summary>
    [Fact]
    public void WhatAHostLaidOutOnlyTheHostContinues()
    {
        var graphs = new CacheGraphs(Page: 128);
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 2, Context);
        SessionState state = SessionState.Create(program.Program, 2, Context);
        Run(0, 100, null);
        Run(0, 100, [1, 2, 3, 0, 4, 5]);
        Assert.Equal(0, state.Pages);
        Assert.Equal("TCC5040", Assert.Throws<DiagnosticException>(() => Run(100, 1, null)).Diagnostics[0].Code);
        Run(100, 1, [1, 2, 3, 0, 4, 5]);
        Run(0, 100, null);
        Run(100, 100, null);
        Assert.Equal(4, state.Pages);

        void Run(long past, long length, long[]? pages)
        {
            Dictionary<string, Tensor> inputs = CacheGraphs.Positions(sequences, past, length);
            inputs["past"] = CacheGraphs.Past(past, past);
            if (pages is not null)
            {
                inputs[StateDescription.PageTable] = CacheGraphs.Table(2, pages);
            }
            Assert.Empty(new Session(program.Program).Run(inputs, new RunOptions { State = state, Check = true }).Findings);
        }
    }

    [Fact]
    public void PagesThatAreNotThereAreRefused()
    {
        var graphs = new CacheGraphs(Page: 128);
        using var program = new CachedProgram(graphs, TestChips.Default, Precision.F32);
        Dictionary<string, Tensor> sequences = graphs.Sequences(new Random(3), 2, Context);
        SessionState state = SessionState.Create(program.Program, 2, Context);
        Assert.Equal("TCC5040", Refused(0, 10, 6, 0, 0, 1, 0, 0));
        Assert.Equal("TCC5040", Refused(0, 10, -1, 0, 0, 1, 0, 0));
        Assert.Equal("TCC5040", Refused(0, 10, long.MaxValue, 0, 0, 1, 0, 0));
        Assert.Equal("TCC5040", Refused(0, 10, 0, 0, 0, 1, 0, 99));
        // A page that two sequences write, and one that a sequence has twice.
        Assert.Equal("TCC5040", Refused(0, 10, 2, 0, 0, 2, 0, 0));
        Assert.Equal("TCC5040", Refused(0, 200, 2, 2, 0, 1, 3, 0));
        Run(0, 130, 4, 3, 0, 2, 1, 0);
        // Pages that do not hold what is past.
        Assert.Equal("TCC5040", Refused(130, 1, 4, 5, 0, 2, 1, 0));
        Assert.Equal("TCC5040", Refused(131, 1, 4, 3, 0, 2, 1, 0));
        // What sequences only read they may have in common.
        Run(128, 10, 4, 3, 0, 4, 1, 0);

        string Refused(long past, long length, params long[] pages) => Assert.Throws<DiagnosticException>(() => Run(past, length, pages)).Diagnostics[0].Code;

        void Run(long past, long length, params long[] pages)
        {
            Dictionary<string, Tensor> inputs = CacheGraphs.Positions(sequences, 0, length);
            inputs["past"] = CacheGraphs.Past(past, past);
            inputs[StateDescription.PageTable] = CacheGraphs.Table(2, pages);
            Assert.Empty(new Session(program.Program).Run(inputs, new RunOptions { State = state, Check = true }).Findings);
        }
    }
}
