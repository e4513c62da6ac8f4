using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// Timed instructions in the Trace Event Format that Perfetto and chrome://tracing read: a track for each engine, a
/// complete event ("X") for each instruction, times in microseconds.
/// </summary>
public sealed class ChromeTrace : IDisposable
{
    private const int FlushEvery = 10_000;

    private readonly Utf8JsonWriter _json;
    private readonly ImmutableArray<DebugEntry> _debug;
    private readonly double _microsecondsPerCycle;
    private int _events;

    public ChromeTrace(Stream stream, ProgramImage image, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(chip);
        _json = new Utf8JsonWriter(stream);
        _debug = image.Debug;
        _microsecondsPerCycle = 1 / (chip.ClockGhz * 1e3);
        _json.WriteStartObject();
        _json.WriteString("displayTimeUnit", "ns");
        _json.WriteStartArray("traceEvents");
        foreach (Engine engine in Enum.GetValues<Engine>())
        {
            _json.WriteStartObject();
            _json.WriteString("name", "thread_name");
            _json.WriteString("ph", "M");
            _json.WriteNumber("pid", 0);
            _json.WriteNumber("tid", (int)engine);
            _json.WriteStartObject("args");
            _json.WriteString("name", engine.Name());
            _json.WriteEndObject();
            _json.WriteEndObject();
        }
    }

    public void Add(TimedInstruction timed)
    {
        DebugEntry? debug = timed.Instruction.Tag < _debug.Length ? _debug[timed.Instruction.Tag] : null;
        _json.WriteStartObject();
        _json.WriteString("name", timed.Instruction.Information.Mnemonic);
        _json.WriteString("ph", "X");
        _json.WriteNumber("pid", 0);
        _json.WriteNumber("tid", (int)timed.Engine);
        WriteTime("ts", timed.Start);
        WriteTime("dur", timed.End - timed.Start);
        if (debug is { Operation.Length: > 0 })
        {
            _json.WriteString("cat", debug.Operation);
            _json.WriteStartObject("args");
            _json.WriteString("operation", debug.Operation);
            _json.WriteString("node", debug.Node);
            _json.WriteString("source", debug.Source);
            _json.WriteEndObject();
        }
        _json.WriteEndObject();
        if (++_events % FlushEvery == 0)
        {
            _json.Flush();
        }
    }

    /// <summary>Ends the document.</summary>
    public void Dispose()
    {
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Dispose();
    }

    private void WriteTime(string name, double cycles)
    {
        _json.WritePropertyName(name);
        _json.WriteRawValue((cycles * _microsecondsPerCycle).ToString("0.######", CultureInfo.InvariantCulture));
    }
}
