using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace TransformerCc.Isa.Chips;

/// <summary>Checks the JSON of a chip description against the table of figures; reports every problem, each with its field.</summary>
internal sealed partial class ChipValidator(string location)
{
    private static readonly string[] s_textFields = ["name", "comment", "$schema"];

    private readonly DiagnosticList _diagnostics = [];

    public static DiagnosticList Check(JsonElement root, string location)
    {
        var validator = new ChipValidator(location);
        if (root.ValueKind != JsonValueKind.Object)
        {
            validator.Report("", "a chip description is a JSON object");
            return validator._diagnostics;
        }
        validator.CheckTexts(root);
        validator.CheckOrigins(root);
        foreach (IGrouping<string, ChipFigure> group in ChipFigure.All.GroupBy(f => f.Group))
        {
            validator.CheckGroup(root, group.Key, [.. group]);
        }
        string[] known = [.. s_textFields, "origins", .. ChipFigure.All.Select(f => f.Group.Length == 0 ? f.Name : f.Group)];
        validator.RefuseUnknown(root, "", known);
        if (!validator._diagnostics.HasErrors)
        {
            validator.CheckTogether(root);
        }
        return validator._diagnostics;
    }

    private void CheckTexts(JsonElement root)
    {
        foreach (string field in s_textFields)
        {
            if (root.TryGetProperty(field, out JsonElement text) && text.ValueKind != JsonValueKind.String)
            {
                Report(field, "is not a text");
            }
        }
        if (!root.TryGetProperty("name", out JsonElement name))
        {
            Report("name", "is missing");
        }
        else if (name.ValueKind == JsonValueKind.String && !ChipName().IsMatch(name.GetString()!))
        {
            Report("name", "must be 1 to 64 letters, digits, '.', '_' or '-'");
        }
    }

    private void CheckOrigins(JsonElement root)
    {
        if (!root.TryGetProperty("origins", out JsonElement origins))
        {
            return;
        }
        if (origins.ValueKind != JsonValueKind.Object)
        {
            Report("origins", "is not an object");
            return;
        }
        foreach (JsonProperty origin in origins.EnumerateObject())
        {
            string path = "origins." + origin.Name;
            if (!ChipFigure.All.Any(f => f.Path == origin.Name || f.Group == origin.Name))
            {
                Report(path, "names no figure and no group of figures");
            }
            else if (origin.Value.ValueKind != JsonValueKind.String)
            {
                Report(path, "is not a text");
            }
        }
    }

    private void CheckGroup(JsonElement root, string group, IReadOnlyList<ChipFigure> figures)
    {
        JsonElement parent = root;
        if (group.Length > 0)
        {
            if (!root.TryGetProperty(group, out parent))
            {
                Report(group, "is missing");
                return;
            }
            if (parent.ValueKind != JsonValueKind.Object)
            {
                Report(group, "is not an object");
                return;
            }
            RefuseUnknown(parent, group + ".", [.. figures.Select(f => f.Name)]);
        }
        foreach (ChipFigure figure in figures)
        {
            if (!parent.TryGetProperty(figure.Name, out JsonElement value))
            {
                Report(figure.Path, "is missing");
            }
            else
            {
                CheckFigure(figure, value);
            }
        }
    }

    private void CheckFigure(ChipFigure figure, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number))
        {
            Report(figure.Path, $"is not a number ({figure.Meaning})");
        }
        else if (!(number >= figure.Minimum && number <= figure.Maximum))
        {
            Report(figure.Path, figure.Minimum == figure.Maximum
                ? string.Create(CultureInfo.InvariantCulture, $"is {value.GetRawText()} but must be {figure.Minimum} ({figure.Meaning})")
                : string.Create(CultureInfo.InvariantCulture, $"is {value.GetRawText()} but must lie between {figure.Minimum} and {figure.Maximum} ({figure.Meaning})"));
        }
        else if (figure.IsInteger && (!value.TryGetInt64(out long integer) || integer % figure.MultipleOf != 0))
        {
            Report(figure.Path, figure.MultipleOf == 1
                ? $"is {value.GetRawText()} but must be written as an integer ({figure.Meaning})"
                : string.Create(CultureInfo.InvariantCulture, $"is {value.GetRawText()} but must be a multiple of {figure.MultipleOf} ({figure.Meaning})"));
        }
    }

    private void CheckTogether(JsonElement root)
    {
        JsonElement links = root.GetProperty("links"), power = root.GetProperty("power");
        if (links.GetProperty("count").GetInt32() > 0 && links.GetProperty("bytesPerSecond").GetDouble() <= 0)
        {
            Report("links.bytesPerSecond", "must be above 0 when there are links");
        }
        if (power.GetProperty("staticWatts").GetDouble() > power.GetProperty("tdpWatts").GetDouble())
        {
            Report("power.staticWatts", "must not exceed power.tdpWatts");
        }
    }

    private void RefuseUnknown(JsonElement parent, string prefix, string[] known)
    {
        foreach (JsonProperty property in parent.EnumerateObject())
        {
            if (!known.Contains(property.Name, StringComparer.Ordinal))
            {
                Report(prefix + property.Name, "is no field of a chip description");
            }
        }
    }

    private void Report(string field, string reason) =>
        _diagnostics.Add(Diagnostic.Error("TCC4131", field.Length == 0 ? reason : $"field '{field}' {reason}", location, "the fields and their ranges: tcc chips --schema"));

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ChipName();
}
