using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Caches;

/// <summary>A compiled graph of caches that runs in checking mode, every run beside the reference.</summary>
internal sealed class CachedProgram : IDisposable
{
    private readonly CacheGraphs _graphs;
    private readonly Graph _graph;
    private readonly Precision _precision;

    public CachedProgram(CacheGraphs graphs, ChipDescription chip, Precision precision)
    {
        (_graphs, _graph, _precision) = (graphs, graphs.Parse(), precision);
        ProgramImage image = CompiledGraph.Binary(_graph, chip, precision);
        Assert.All(image.EntryPoints, e => Assert.Empty(StaticChecks.Run(e)));
        Program = LoadedProgram.Load(image, chip);
    }

    public LoadedProgram Program { get; }

    public void Dispose() => Program.Dispose();

    /// <summary>A state, and what the reference has of it.</summary>
    public sealed record Caches(SessionState State, Dictionary<string, Tensor> Reference, long Context);

    public Caches Begin(long batch, long context) => new(SessionState.Create(Program, batch, context), [], context);

    /// <summary>Runs positions [past, past + length) of every sequence, with the bits of the result.</summary>
    public Tensor Run(Caches caches, Dictionary<string, Tensor> inputs, long[] past)
    {
        inputs["past"] = CacheGraphs.Past(past);
        RunResult run = new Session(Program).Run(inputs, new RunOptions { Check = true, State = caches.State });
        Assert.True(run.Findings.Count == 0, string.Join("\n", run.Findings));
        var dimensions = new Dictionary<string, long>();
        if (!_graphs.Circular)
        {
            dimensions["context"] = caches.Context;
        }
        if (_graphs.Page > 0)
        {
            // The reference has its own pages, the last first: which they are changes nothing.
            long columns = (caches.Context + _graphs.Page - 1) / _graphs.Page, pages = past.Length * columns;
            dimensions["pages"] = pages;
            inputs = new(inputs) { [StateDescription.PageTable] = CacheGraphs.Table(past.Length, [.. Enumerable.Range(1, (int)pages).Select(i => pages - i)]) };
        }
        Tensor golden = GraphEvaluator.Evaluate(_graph, inputs, dimensions, states: caches.Reference)["y"], y = run.Outputs["y"];
        ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(y), TensorMath.Doubles(golden));
        bool agrees = _precision == Precision.F32 ? errors.MaxAbsolute <= 1e-5 * errors.MaxGolden : errors.Cosine >= 0.999;
        Assert.True(agrees, FormattableString.Invariant($"largest error {errors.MaxAbsolute:G3} of {errors.MaxGolden:G3}, cosine {errors.Cosine:F6}"));
        return y;
    }

    /// <summary>Runs whole sequences in chunks of given lengths; the rows of all chunks together.</summary>
    public byte[] RunChunks(Dictionary<string, Tensor> sequences, long context, IEnumerable<long> chunks)
    {
        long batch = sequences["q"].Shape[0], past = 0, row = _graphs.Heads * _graphs.ValueWidth * sizeof(float), length = sequences["q"].Shape[1];
        Caches caches = Begin(batch, context);
        byte[] all = new byte[batch * length * row];
        foreach (long chunk in chunks)
        {
            Tensor y = Run(caches, CacheGraphs.Positions(sequences, past, chunk), [.. Enumerable.Repeat(past, (int)batch)]);
            for (long b = 0; b < batch; b++)
            {
                y.Data.Span.Slice((int)(b * chunk * row), (int)(chunk * row)).CopyTo(all.AsSpan((int)(((b * length) + past) * row)));
            }
            past += chunk;
        }
        Assert.Equal(length, past);
        return all;
    }
}
