using System.Text;
using System.Text.Json;

namespace TransformerCc.Isa.Chips;

/// <summary>The JSON Schema of chip descriptions, made from the table that validation uses.</summary>
public static class ChipSchema
{
    /// <summary>The text of <c>chip.schema.json</c>.</summary>
    public static string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
            json.WriteString("title", "TX1 chip description");
            WriteObject(json, "", ["name"], Members);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void Members(Utf8JsonWriter json)
    {
        WriteText(json, "$schema", "location of this schema, for editors");
        WriteText(json, "name", "name of the chip", "^[A-Za-z0-9._-]{1,64}$");
        WriteText(json, "comment", "what the chip stands for and where its figures come from");
        foreach (string group in ChipFigure.All.Select(f => f.Group).Distinct().Where(g => g.Length > 0))
        {
            json.WriteStartObject(group);
            WriteObject(json, group, [], _ => { });
            json.WriteEndObject();
        }
        json.WriteStartObject("origins");
        json.WriteString("description", "where figures come from: path of a figure or group to its source");
        json.WriteString("type", "object");
        json.WriteStartObject("propertyNames");
        json.WriteStartArray("enum");
        foreach (string path in ChipFigure.All.SelectMany(f => new[] { f.Group, f.Path }).Where(p => p.Length > 0).Distinct())
        {
            json.WriteStringValue(path);
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("additionalProperties");
        json.WriteString("type", "string");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteObject(Utf8JsonWriter json, string group, IEnumerable<string> alsoRequired, Action<Utf8JsonWriter> otherMembers)
    {
        IReadOnlyList<ChipFigure> figures = [.. ChipFigure.All.Where(f => f.Group == group)];
        IEnumerable<string> groups = group.Length > 0 ? [] : ChipFigure.All.Select(f => f.Group).Where(g => g.Length > 0).Distinct();
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", false);
        json.WriteStartArray("required");
        foreach (string name in alsoRequired.Concat(figures.Select(f => f.Name)).Concat(groups))
        {
            json.WriteStringValue(name);
        }
        json.WriteEndArray();
        json.WriteStartObject("properties");
        foreach (ChipFigure figure in figures)
        {
            json.WriteStartObject(figure.Name);
            json.WriteString("description", figure.Meaning);
            json.WriteString("type", figure.IsInteger ? "integer" : "number");
            json.WriteNumber("minimum", figure.Minimum);
            json.WriteNumber("maximum", figure.Maximum);
            if (figure.MultipleOf > 1)
            {
                json.WriteNumber("multipleOf", figure.MultipleOf);
            }
            json.WriteEndObject();
        }
        otherMembers(json);
        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, string name, string description, string? pattern = null)
    {
        json.WriteStartObject(name);
        json.WriteString("description", description);
        json.WriteString("type", "string");
        if (pattern is not null)
        {
            json.WriteString("pattern", pattern);
        }
        json.WriteEndObject();
    }
}
