using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Binding;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Timing;

/// <summary>How long a program takes on its chip, without weights, inputs or results: only lengths and addresses matter.</summary>
public static class TimingModel
{
    /// <param name="dimensions">Values of dimensions, and of inputs that may be left out; the others have their defaults.</param>
    /// <param name="entryPoint">Null: the one that a run of these sizes takes.</param>
    /// <param name="trace">Told of every instruction of an engine as it ends.</param>
    /// <exception cref="DiagnosticException">A dimension is unknown, missing or out of bounds; the program is malformed.</exception>
    /// <exception cref="TrapException">The program is no legal one.</exception>
    public static TimingReport Run(ProgramImage image, ChipDescription chip, IReadOnlyDictionary<string, long> dimensions, string? entryPoint = null, Action<TimedInstruction>? trace = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(chip);
        Dictionary<string, long> values = DimensionBinder.BindGiven(image, dimensions);
        EntryPoint entry = EntryChoice.Of(image, entryPoint, values);
        var structure = new DiagnosticList();
        ProgramStructure.Check(entry, structure);
        if (structure.HasErrors)
        {
            throw new DiagnosticException(structure);
        }
        VirtualDram dram = VirtualDram.Of(image, values, dimensions);
        Dictionary<string, long> symbols = new(values, StringComparer.Ordinal);
        foreach (TensorSymbol t in image.Tensors.Where(t => t.Fill is not null))
        {
            symbols.TryAdd(t.Name, InputFiller.Value(t, dimensions, values));
        }
        CheckRoom(image, symbols, dimensions);
        var recorder = new TimingRecorder(trace);
        var simulation = new TimingSimulation(new PreparedProgram(entry.Name, entry.Instructions, image.Debug), chip, dram.Parameters, new KnownScalars(dram.Known), recorder, cancellation);
        double cycles = simulation.Run();
        recorder.Attribute(cycles);
        double seconds = cycles / (chip.ClockGhz * 1e9);
        return new TimingReport(cycles, seconds, recorder.Instructions, simulation.DramBusy, recorder.Totals.AllMultiplyAdds, Enum.GetValues<MemorySpace>().ToImmutableSortedDictionary(s => s, recorder.Totals.Bytes),
            [.. simulation.Queues.Where(q => q.Engine != Engine.Link).Select(q => new EngineTime(q.Engine, q.Busy, [.. q.Stalls.Select(s => new Stall(s.Key.Cause, s.Key.From, s.Value)).OrderByDescending(s => s.Cycles)]))],
            EnergyReport.Of(recorder.Totals, seconds, chip.Power),
            [.. recorder.Sources.Select(s => Source(image, s.Tag, s.Work, chip.Power)).OrderByDescending(s => s.DramCharge).ThenByDescending(s => s.Matrix)])
        {
            EntryPoint = entry.Name,
            DramNeeded = dram.Segments.Sum(s => s.Length),
            Bound = image.Work.IsEmpty ? null : image.Work.Aggregate(Roofline.Zero, (sum, w) => sum.Plus(Roofline.Of(w, chip, symbols))),
            Nodes = NodeTime.Of(image.Work, recorder.Sources.Select(s => (Debug(image, s.Tag), s.Work.Elapsed)), chip, symbols),
            Waits = [.. recorder.Waits.GroupBy(w => (w.Key.Engine, Debug(image, w.Key.Tag).Operation, Node: NodeTime.NameOf(Debug(image, w.Key.Tag).Node, Debug(image, w.Key.Tag).Source), w.Key.Cause, w.Key.From))
                .Select(g => new NodeWait(g.Key.Engine, g.Key.Operation, g.Key.Node, g.Key.Cause, g.Key.From, g.Sum(w => w.Value))).OrderByDescending(w => w.Cycles)],
            Tokens = Tokens(image, values),
        };
    }

    /// <summary>
    /// No run has more positions than its caches may grow to: a dimension with a default, which is that of the caches when nobody
    /// gives it, counts with its upper bound.
    /// </summary>
    private static void CheckRoom(ProgramImage image, Dictionary<string, long> symbols, IReadOnlyDictionary<string, long> given)
    {
        var most = new Dictionary<string, long>(symbols, StringComparer.Ordinal);
        foreach (DimensionSymbol d in image.Dimensions.Where(d => d.Default is not null && !given.ContainsKey(d.Name)))
        {
            most[d.Name] = d.Upper;
        }
        foreach (TensorSymbol cache in image.Tensors.Where(t => t.State is not null && symbols.ContainsKey(t.State.Past)))
        {
            StateDescription state = cache.State!;
            if ((state.Positions ?? (state.Mode == StateMode.Append ? cache.Shape[StateDescription.SlotAxis] : null)) is not { } positions)
            {
                continue;
            }
            long past = symbols[state.Past], length = DimensionBinder.Evaluate(state.Length, symbols, cache.Name), room = DimensionBinder.Evaluate(positions, most, cache.Name);
            if ((Int128)past + length > room)
            {
                throw new DiagnosticException(Diagnostic.Error("TCC5034", FormattableString.Invariant($"a sequence of {past} past and {length} new positions: its cache '{cache.Name}' has room for {room}"), null, "compile with a larger --context"));
            }
        }
    }

    private static long? Tokens(ProgramImage image, Dictionary<string, long> values) =>
        image.Tensors.FirstOrDefault(t => t.State is not null) is { State: { } state } cache
            ? (long)Int128.Min((Int128)DimensionBinder.Evaluate(image.Sequences(state), values, cache.Name) * DimensionBinder.Evaluate(state.Length, values, cache.Name), long.MaxValue) : null;

    private static DebugEntry Debug(ProgramImage image, ushort tag) => image.Debug[tag < image.Debug.Length ? tag : 0];

    private static SourceTime Source(ProgramImage image, ushort tag, SourceWork work, PowerDescription power)
    {
        DebugEntry debug = Debug(image, tag);
        double charge = work.Cycles[(int)Engine.WeightDma] + work.Cycles[(int)Engine.DmaIn] + work.Cycles[(int)Engine.DmaOut];
        return new SourceTime(debug.Operation, debug.Node, debug.Source, work.Cycles[(int)Engine.Matrix], work.Cycles[(int)Engine.Vector], work.Cycles[(int)Engine.Copy],
            charge, work.Work.Bytes(MemorySpace.Dram), work.Work.AllMultiplyAdds, EnergyReport.Of(work.Work, 0, power).Total);
    }
}
