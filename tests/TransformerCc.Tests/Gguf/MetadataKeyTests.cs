using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;

namespace TransformerCc.Tests.Gguf;

/// <summary>Every key of a file is answered for: what is declared as used is used, what is not declared is refused.</summary>
public sealed class MetadataKeyTests : IDisposable
{
    private static readonly string s_readme = Path.Combine(TestData.Repository, "compiler", "TransformerCc.Compiler", "Importers", "Gguf", "README.md");

    private readonly GgufVariant _variant = new();

    public void Dispose() => _variant.Dispose();

    public static TheoryData<int> Samples { get; } = [.. Enumerable.Range(0, KeySamples.OfUsed.Count)];

    /// <summary>A declaration with an architecture for which it holds.</summary>
    public static TheoryData<string, string, string> Accepted { get; } = Of(KeyUse.AcceptedOnly);

    public static TheoryData<string, string, string> WithoutEffect { get; } = Of(KeyUse.WithoutEffect);

    private static TheoryData<string, string, string> Of(KeyUse use)
    {
        var data = new TheoryData<string, string, string>();
        foreach (MetadataKey key in ModelKeys.All.Concat(FileKeys.All).Where(k => k.Use == use))
        {
            data.Add(key.Name, key.AcceptedValues, Architectures.All.First(key.AppliesTo).Name);
        }
        return data;
    }

    private static MetadataKey Key(string name, string values, KeyUse use) => ModelKeys.All.Concat(FileKeys.All).First(k => k.Name == name && k.AcceptedValues == values && k.Use == use);

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_used_key_with_another_value_gives_another_model(int index)
    {
        KeySamples.Used sample = KeySamples.OfUsed[index];
        string Model(object? value) => GgufVariant.Fingerprint(_variant.Create(
            KeySamples.Shape(sample.Architecture), [.. sample.With.Select(w => (w.Key.Replace("{arch}", sample.Architecture, StringComparison.Ordinal), w.Value)), (sample.Key.In(sample.Architecture), value)]));
        string one = Model(sample.One);
        Assert.NotEqual("error", one);
        Assert.NotEqual(one, Model(sample.Other));
    }

    [Fact]
    public void Every_used_key_has_a_sample()
    {
        // The alignment is needed to find the tensors: GgufFileTests changes it.
        IEnumerable<MetadataKey> used = ModelKeys.All.Concat(FileKeys.All).Where(k => k.Use == KeyUse.Used && k != FileKeys.Alignment);
        Assert.Empty(used.Except(KeySamples.OfUsed.Select(s => s.Key)).Select(k => k.Name));
    }

    /// <summary>What an architecture declares as used is asked for when a model of it is read.</summary>
    [Theory]
    [MemberData(nameof(SyntheticModelTests.ArchitectureNames), MemberType = typeof(SyntheticModelTests))]
    public void Every_used_key_is_read(string name)
    {
        Architecture architecture = Architectures.Find(name)!;
        var keys = new ModelMetadata(_variant.Create(KeySamples.Shape(name)), architecture, []);
        ModelParameters.Read(keys, architecture);
        IEnumerable<MetadataKey> declared = ModelKeys.All.Where(k => k.Use == KeyUse.Used && k.AppliesTo(architecture));
        Assert.Empty(declared.Except(keys.Asked).Select(k => k.Name));
    }

    [Fact]
    public void A_key_that_is_not_declared_as_used_cannot_be_read()
    {
        var keys = new ModelMetadata(_variant.Create(KeySamples.Shape("gpt2")), Architectures.Find("gpt2")!, []);
        Assert.Throws<InvalidOperationException>(() => keys.Has(ModelKeys.RopeBase));
        Assert.Throws<InvalidOperationException>(() => keys.Has(ModelKeys.All.First(k => k.Use == KeyUse.AcceptedOnly)));
    }

    [Fact]
    public void No_architecture_has_two_declarations_of_a_key()
    {
        foreach (Architecture architecture in Architectures.All)
        {
            Assert.Empty(ModelKeys.All.Where(k => k.AppliesTo(architecture)).GroupBy(k => k.Name).Where(g => g.Count() > 1).Select(g => $"{architecture.Name}: {g.Key}"));
        }
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Of_a_key_that_is_accepted_only_other_values_are_refused(string name, string values, string architecture)
    {
        MetadataKey key = Key(name, values, KeyUse.AcceptedOnly);
        string inFile = key.In(architecture);
        (object good, object bad) = KeySamples.OfAccepted(key);
        // Where a value must be that of another key, the file has that one.
        (string, object?)[] with = [($"{architecture}.attention.key_length", 16), ($"{architecture}.attention.value_length", 16)];
        string plain = GgufVariant.Fingerprint(_variant.Create(KeySamples.Shape(architecture), [.. with, (inFile, null)]));
        Assert.Equal(plain, GgufVariant.Fingerprint(_variant.Create(KeySamples.Shape(architecture), [.. with, (inFile, good)])));
        GgufFile other = _variant.Create(KeySamples.Shape(architecture), [.. with, (inFile, bad)]);
        (var model, DiagnosticList diagnostics) = GgufVariant.Import(other);
        if (inFile.StartsWith(FileKeys.TokenizerPrefix, StringComparison.Ordinal))
        {
            Assert.Contains(diagnostics, d => d.Severity == DiagnosticSeverity.Warning && d.Message.Contains(inFile, StringComparison.Ordinal));
            return;
        }
        Assert.Null(model);
        Diagnostic error = Assert.Single(diagnostics);
        Assert.Contains(inFile, error.Message, StringComparison.Ordinal);
        if (key == FileKeys.Type)
        {
            return;
        }
        Assert.Equal(GgufCodes.Key, error.Code);
        Assert.StartsWith($"--accept-unknown {inFile}", error.Help, StringComparison.Ordinal);
        Assert.Contains(GgufVariant.Import(other, inFile).Diagnostics, d => d.Code == GgufCodes.Key && d.Severity == DiagnosticSeverity.Warning && d.Message.Contains("left unread", StringComparison.Ordinal));
        Assert.Equal(plain, GgufVariant.Fingerprint(other, inFile));
    }

    [Theory]
    [MemberData(nameof(WithoutEffect))]
    public void A_key_without_effect_changes_nothing(string name, string values, string architecture)
    {
        string key = Key(name, values, KeyUse.WithoutEffect).In(architecture).Replace("*", "anything", StringComparison.Ordinal);
        string plain = GgufVariant.Fingerprint(_variant.Create(KeySamples.Shape(architecture), (key, null)));
        Assert.NotEqual("error", plain);
        foreach (object value in (object[])[3, "something", 0.25f, true])
        {
            Assert.Equal(plain, GgufVariant.Fingerprint(_variant.Create(KeySamples.Shape(architecture), (key, value))));
        }
    }

    [Theory]
    [InlineData("llama.attention.new_trick", 3, "3")]
    [InlineData("llama.altup.num_inputs", 4f, "4")]
    [InlineData("llama.hidden_activation", "gelu", "\"gelu\"")]
    [InlineData("llama.ssm.layers", new[] { 1, 2 }, "[1, 2]")]
    public void A_key_that_is_not_declared_is_refused_by_name_and_value(string key, object value, string shown)
    {
        GgufFile file = _variant.Create(KeySamples.Shape("llama"), (key, value));
        Diagnostic error = Assert.Single(GgufVariant.Import(file).Diagnostics);
        Assert.Equal((GgufCodes.Key, DiagnosticSeverity.Error), (error.Code, error.Severity));
        Assert.StartsWith($"{key} = {shown}: the key is not known for the architecture llama", error.Message, StringComparison.Ordinal);
        Assert.Equal(GgufVariant.Fingerprint(_variant.Create(KeySamples.Shape("llama"))), GgufVariant.Fingerprint(file, key));
    }

    [Fact]
    public void Keys_are_accepted_by_their_precise_names()
    {
        GgufFile file = _variant.Create(KeySamples.Shape("llama"), ("llama.a.b", 1));
        Assert.Null(GgufVariant.Import(file, "llama.a").Model);
        Assert.Contains(GgufVariant.Import(file, "llama.a.b", "llama.c").Diagnostics, d => d.Code == GgufCodes.Option && d.Message.Contains("no such key", StringComparison.Ordinal));
        Assert.Contains(GgufVariant.Import(file, "llama.a.b", "llama.block_count").Diagnostics, d => d.Code == GgufCodes.Option && d.Message.Contains("is known and read", StringComparison.Ordinal));
    }

    [Fact]
    public void An_unknown_key_of_the_tokenizer_is_a_warning()
    {
        (var model, DiagnosticList diagnostics) = GgufVariant.Import(_variant.Create(KeySamples.Shape("llama"), ("tokenizer.ggml.new_trick", true)));
        Assert.NotNull(model);
        Assert.Contains(diagnostics, d => d.Code == GgufCodes.Key && d.Severity == DiagnosticSeverity.Warning && d.Message.Contains("tokenizer.ggml.new_trick = true", StringComparison.Ordinal));
    }

    /// <summary>A period p leaves every p-th layer whole, as an array of flags says it layer by layer (llama.cpp, set_swa_pattern).</summary>
    [Theory]
    [InlineData(0, "1111111")]
    [InlineData(1, "0000000")]
    [InlineData(2, "1010101")]
    [InlineData(3, "1101101")]
    [InlineData(6, "1111101")]
    public void A_period_is_a_choice_of_layers(int period, string windowed)
    {
        bool[] flags = [.. windowed.Select(c => c == '1')];
        ModelParameters Read(object pattern) => ModelParameters.Read(
            _variant.Create(KeySamples.Shape("gemma3") with { Layers = 7 }, ("gemma3.attention.sliding_window", 8), ("gemma3.attention.sliding_window_pattern", pattern)), Architectures.Find("gemma3")!, []);
        foreach (object pattern in (object[])[period, flags, flags.Select(f => f ? 1 : 0).ToArray()])
        {
            ModelParameters model = Read(pattern);
            Assert.Equal(flags, Enumerable.Range(0, 7).Select(model.HasWindow));
        }
    }

    [Theory]
    [InlineData(new[] { true })]
    [InlineData(new[] { 2, 0 })]
    [InlineData(-1)]
    [InlineData("every")]
    public void A_pattern_that_is_none_is_refused(object pattern)
    {
        GgufFile file = _variant.Create(KeySamples.Shape("gemma3"), ("gemma3.attention.sliding_window", 8), ("gemma3.attention.sliding_window_pattern", pattern));
        Diagnostic error = Assert.Single(GgufVariant.Import(file).Diagnostics);
        Assert.Contains("gemma3.attention.sliding_window_pattern", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Without a width of their own, the chosen experts share the feed-forward width (llama.cpp, src/models/qwen3moe.cpp).</summary>
    [Fact]
    public void Experts_without_a_width_share_it()
    {
        GgufFile file = _variant.Create(KeySamples.Shape("qwen3moe"), ("qwen3moe.expert_feed_forward_length", null), ("qwen3moe.feed_forward_length", 192));
        Assert.Equal([96, 96], ModelParameters.Read(file, Architectures.Find("qwen3moe")!, []).ExpertHidden);
        Assert.NotNull(GgufVariant.Import(file).Model);
    }

    /// <summary>The table of the README is the table of the code. TCC_ACCEPT_SNAPSHOTS=1 writes it.</summary>
    [Fact]
    public void Readme_has_the_table()
    {
        string table = MetadataKeyTable.Markdown(), text = File.ReadAllText(s_readme);
        int start = text.IndexOf(table.Split('\n')[0], StringComparison.Ordinal), end = text.IndexOf("\n\n", start, StringComparison.Ordinal) + 1;
        if (Environment.GetEnvironmentVariable(Snapshot.AcceptVariable) == "1")
        {
            File.WriteAllText(s_readme, text[..start] + table + text[end..]);
        }
        Assert.Equal(table, File.ReadAllText(s_readme)[start..(start + table.Length)]);
    }
}
