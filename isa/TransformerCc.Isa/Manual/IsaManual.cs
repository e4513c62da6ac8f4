using System.Globalization;
using System.Text;
using System.Text.Json;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Manual;

/// <summary>The manual of the instruction set, made from the declarations that encoder, assembler and emulator use.</summary>
public static class IsaManual
{
    public static string ToMarkdown()
    {
        var text = new StringBuilder("# The TX1 instruction set\n");
        Section(text, "Memories", ["space", "what"], MachineText.Memories.Select(m => new[] { $"`{m.Space}`", m.Text }));
        Section(text, "Engines", ["number", "name", "does"], MachineText.EngineTexts.Select(e => new[] { N((int)e.Engine), $"`{e.Engine.Name()}`", e.Does }));
        List(text, "Order", MachineText.OrderRules);
        List(text, "Numerics", MachineText.NumericRules);
        List(text, "Traps of every instruction", MachineText.Traps);
        Section(text, "Encoding", ["byte", "bytes", "field", "meaning"], MachineText.Header.Select(h => new[] { N(h.Offset), N(h.Bytes), h.Name, h.Text }));
        Table(text, ["operand kind", "bytes", "meaning"], MachineText.Kinds.Select(k => new[] { k.Kind, N(k.Bytes), k.Text }));
        Section(text, "Formats", ["code", "name", "bytes"], ElementTypes.All.Select(t => new[] { N((int)t), $"`{t.Name()}`", N(t.Size()) }));
        Section(text, "Formats of blocks", BlockFormatText.Head, BlockFormat.All.Select(BlockFormatText.Row));
        List(text, "Reading the table of blocks", MachineText.BlockRules);
        foreach (IGrouping<string, InstructionKind> family in InstructionSet.All.GroupBy(k => k.Info.Family))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## Family: {family.Key}\n");
            foreach (InstructionKind kind in family)
            {
                Describe(text, kind);
            }
        }
        return text.ToString();
    }

    public static string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            Array(json, "memories", MachineText.Memories, m => Texts(json, ("name", m.Space), ("text", m.Text)));
            Array(json, "engines", MachineText.EngineTexts, e =>
            {
                json.WriteNumber("number", (int)e.Engine);
                Texts(json, ("name", e.Engine.Name()), ("text", e.Does));
            });
            Strings(json, "order", MachineText.OrderRules);
            Strings(json, "numerics", MachineText.NumericRules);
            Strings(json, "traps", MachineText.Traps);
            Array(json, "header", MachineText.Header, h => Field(json, h.Offset, h.Bytes, ("name", h.Name), ("text", h.Text)));
            Array(json, "operandKinds", MachineText.Kinds, k =>
            {
                json.WriteNumber("bytes", k.Bytes);
                Texts(json, ("name", k.Kind), ("text", k.Text));
            });
            Array(json, "formats", ElementTypes.All, t =>
            {
                json.WriteNumber("code", (int)t);
                json.WriteNumber("bytes", t.Size());
                Texts(json, ("name", t.Name()));
            });
            Array(json, "blockFormats", BlockFormat.All, f =>
            {
                foreach ((string head, string cell) in BlockFormatText.Head.Zip(BlockFormatText.Row(f)))
                {
                    json.WriteString(head, cell.Trim('`'));
                }
            });
            Strings(json, "blockRules", MachineText.BlockRules);
            Array(json, "instructions", InstructionSet.All, kind =>
            {
                InstructionInfo info = kind.Info;
                json.WriteNumber("opcode", info.Opcode);
                Texts(json, ("mnemonic", info.Mnemonic), ("family", info.Family), ("engine", EngineName(info)), ("summary", info.Summary), ("meaning", info.LoopNest), ("traps", info.Traps));
                Array(json, "operands", OperandTable.Of(kind), o => Field(json, o.Offset, o.Bytes, ("name", o.Name), ("kind", o.Kind), ("values", o.Values)));
            });
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void Describe(StringBuilder text, InstructionKind kind)
    {
        InstructionInfo info = kind.Info;
        text.Append(CultureInfo.InvariantCulture, $"\n### `{info.Mnemonic}` (0x{info.Opcode:x2}, {EngineName(info)})\n\n{info.Summary}\n\n```\n{info.LoopNest}\n```\n");
        if (info.Traps.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nTraps: {info.Traps}.\n");
        }
        IReadOnlyList<OperandRow> operands = OperandTable.Of(kind);
        if (operands.Count > 0)
        {
            text.Append('\n');
            Table(text, ["byte", "bytes", "operand", "kind", "values"], operands.Select(o => new[] { N(o.Offset), N(o.Bytes), $"`{o.Name}`", o.Kind, o.Values }));
        }
    }

    private static string EngineName(InstructionInfo info) => info.Engine?.Name() ?? "the engine it names";

    private static void Section(StringBuilder text, string title, string[] head, IEnumerable<string[]> rows)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n");
        Table(text, head, rows);
    }

    private static void Table(StringBuilder text, string[] head, IEnumerable<string[]> rows)
    {
        if (text[^2] == '|')
        {
            text.Append('\n'); // a table right after a table
        }
        foreach (string[] row in rows.Prepend([.. head.Select(_ => "---")]).Prepend(head))
        {
            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        }
    }

    private static void List(StringBuilder text, string title, IEnumerable<string> items)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n");
        foreach (string item in items)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {item}\n");
        }
    }

    private static string N(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static void Array<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            json.WriteStartObject();
            write(item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Strings(Utf8JsonWriter json, string name, IEnumerable<string> items)
    {
        json.WriteStartArray(name);
        foreach (string item in items)
        {
            json.WriteStringValue(item);
        }
        json.WriteEndArray();
    }

    private static void Field(Utf8JsonWriter json, int offset, int bytes, params ReadOnlySpan<(string Name, string Value)> texts)
    {
        json.WriteNumber("byte", offset);
        json.WriteNumber("bytes", bytes);
        Texts(json, texts);
    }

    private static void Texts(Utf8JsonWriter json, params ReadOnlySpan<(string Name, string Value)> texts)
    {
        foreach ((string name, string value) in texts)
        {
            json.WriteString(name, value);
        }
    }
}
