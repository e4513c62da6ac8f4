using System.Text.Json.Nodes;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using Xunit;

namespace TransformerCc.Tests.Isa;

public sealed class ChipDescriptionTests
{
    [Fact]
    public void Every_preset_is_a_possible_chip_and_survives_its_json()
    {
        Assert.Equal(["tx1-edge", "tx1-embedded", "tx1", "tx1-server"], ChipDescriptions.Presets.Select(c => c.Name));
        foreach (ChipDescription chip in ChipDescriptions.Presets)
        {
            Assert.Empty(ChipDescriptions.Validate(chip));
            Assert.Same(chip, ChipDescriptions.Load(chip.Name));
            ChipDescription again = ChipDescriptions.Parse(ChipDescriptions.ToJson(chip), "again");
            Assert.Equal(ChipDescriptions.ToJson(chip), ChipDescriptions.ToJson(again));
            Assert.NotEmpty(chip.Comment);
            Assert.NotEmpty(chip.Origins);
        }
    }

    [Fact]
    public void The_fingerprint_depends_on_figures_and_not_on_comments()
    {
        ChipDescription chip = ChipDescriptions.Load("tx1");
        string fingerprint = ChipDescriptions.Fingerprint(chip);
        Assert.Matches("^[0-9a-f]{64}$", fingerprint);
        Assert.Equal(fingerprint, ChipDescriptions.Fingerprint(chip with { Comment = "other", Origins = new Dictionary<string, string> { ["matrix"] = "x" }, SchemaLocation = "y" }));
        Assert.NotEqual(fingerprint, ChipDescriptions.Fingerprint(chip with { ClockGhz = 1.1 }));
        Assert.Equal(4, ChipDescriptions.Presets.Select(ChipDescriptions.Fingerprint).Distinct().Count());
    }

    public static TheoryData<string, string, string> BadFields => new()
    {
        { "matrix.k", "48", "field 'matrix.k' is 48 but must be a multiple of 32 (rows of an array: depth of a tile)" },
        { "matrix.n", "256", "field 'matrix.n' is 256 but must be 128 (columns of an array; a row of ACC has as many lanes)" },
        { "matrix.arrays", "0", "field 'matrix.arrays' is 0 but must lie between 1 and 255 (number of arrays)" },
        { "memory.wspBytes", "5000", "field 'memory.wspBytes' is 5000 but must be a multiple of 512 (weight scratchpad, bytes)" },
        { "memory.dramEfficiency", "1.5", "field 'memory.dramEfficiency' is 1.5 but must lie between 0.01 and 1 (sustained bandwidth of DRAM relative to its peak)" },
        { "memory.dramLatencyNs", "-1", "field 'memory.dramLatencyNs' is -1 but must lie between 0 and 1000000 (latency of a transfer, ns)" },
        { "dma.outstanding", "1.5", "field 'dma.outstanding' is 1.5 but must be written as an integer (transfers in flight per DMA engine)" },
        { "clockGhz", "\"fast\"", "field 'clockGhz' is not a number (clock of all engines, GHz)" },
        { "clockGhz", "1e999", "field 'clockGhz' is 1e999 but must lie between 0.001 and 10 (clock of all engines, GHz)" },
        { "matrix.columns", "128", "field 'matrix.columns' is no field of a chip description" },
        { "colour", "1", "field 'colour' is no field of a chip description" },
        { "power", "7", "field 'power' is not an object" },
        { "power.staticWatts", "76", "field 'power.staticWatts' must not exceed power.tdpWatts" },
        { "links.count", "2", "field 'links.bytesPerSecond' must be above 0 when there are links" },
        { "name", "\"\"", "field 'name' must be 1 to 64 letters, digits, '.', '_' or '-'" },
        { "origins", "{\"memory.size\": \"x\"}", "field 'origins.memory.size' names no figure and no group of figures" },
    };

    [Theory]
    [MemberData(nameof(BadFields))]
    public void An_impossible_value_is_refused_with_the_name_of_its_field(string path, string value, string message)
    {
        Diagnostic diagnostic = Assert.Single(Refuse(json => Set(json, path, JsonNode.Parse(value))));
        Assert.Equal("TCC4131", diagnostic.Code);
        Assert.Equal(message, diagnostic.Message);
    }

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        IReadOnlyList<Diagnostic> diagnostics = Refuse(json =>
        {
            json.Remove("name");
            json.Remove("dma");
            json["vector"]!.AsObject().Remove("sfuLanes");
        });
        Assert.Equal(["field 'name' is missing", "field 'vector.sfuLanes' is missing", "field 'dma' is missing"], diagnostics.Select(d => d.Message));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"name\": \"a\", \"name\": \"b\"}")]
    [InlineData("{")]
    public void Text_that_is_no_description_is_refused(string json) =>
        Assert.NotEmpty(Assert.Throws<DiagnosticException>(() => ChipDescriptions.Parse(json, "x.json")).Diagnostics);

    [Fact]
    public void An_unknown_name_lists_the_presets()
    {
        Diagnostic diagnostic = Assert.Single(Assert.Throws<DiagnosticException>(() => ChipDescriptions.Load("tx9")).Diagnostics);
        Assert.Equal("TCC4130", diagnostic.Code);
        Assert.Contains("tx1-edge, tx1-embedded, tx1, tx1-server", diagnostic.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void The_schema_in_the_repository_is_the_derived_one()
    {
        string path = Path.Combine(TestData.Repository, "isa", "TransformerCc.Isa", "Chips", "chip.schema.json");
        if (Environment.GetEnvironmentVariable(Snapshot.AcceptVariable) == "1")
        {
            File.WriteAllText(path, ChipSchema.ToJson());
        }
        Assert.Equal(File.ReadAllText(path), ChipSchema.ToJson());
    }

    private static IReadOnlyList<Diagnostic> Refuse(Action<JsonObject> damage)
    {
        JsonObject json = JsonNode.Parse(ChipDescriptions.ToJson(ChipDescriptions.Load("tx1")))!.AsObject();
        damage(json);
        return Assert.Throws<DiagnosticException>(() => ChipDescriptions.Parse(json.ToJsonString(), "x.json")).Diagnostics;
    }

    private static void Set(JsonObject json, string path, JsonNode? value)
    {
        string[] parts = path.Split('.');
        JsonNode parent = parts.Length == 1 ? json : json[parts[0]]!;
        parent[parts[^1]] = value;
    }
}
