using System.CommandLine;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>Writes a model of a given shape with seeded random weights.</summary>
internal static class SynthVerb
{
    public static Verb Create(ToolContext tool)
    {
        var what = new Argument<string>("ARCH") { Description = "An architecture, or a preset: the shape of a published model" };
        var output = new Option<string>("--output", "-o") { Description = "The file to write", HelpName = "FILE.gguf", Required = true };
        Option<long?> layers = Size("--layers", "Layers"), width = Size("--width", "Width of the residual stream"), heads = Size("--heads", "Heads of queries");
        Option<long?> keyHeads = Size("--kv-heads", "Heads of keys and values"), headWidth = Size("--head-width", "Elements of a head [default: width / heads]");
        Option<long?> rotated = Size("--rope-dimensions", "Elements of a head that are rotated [default: all]"), hidden = Size("--ffn", "Width of the feed-forward part");
        Option<long?> vocabulary = Size("--vocab", "Tokens"), context = Size("--context", "Positions that the model says it was made for"), window = Size("--window", "Keys that layers with a window see");
        Option<long?> experts = Size("--experts", "Experts of each layer; 0: none"), used = Size("--experts-used", "Experts chosen for a token");
        var type = new Option<string?>("--type") { Description = "Type of the matrices", HelpName = "TYPE" };
        var with = new Option<string[]>("--with") { Description = "Optional tensors that the model has, by the end of their names: output.weight, attn_q.bias", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        var seed = new Option<long?>("--seed") { Description = "Seed of the weights", HelpName = "N" };
        var shapeOnly = new Option<bool>("--shape-only") { Description = "Matrices are holes in a sparse file: a model of any size is there at once, for 'tcc estimate', which reads no weights" };
        var verb = new Verb("synth", "Write a model with random weights.", "tcc synth llama -o small.gguf --layers 4 --type q4_k") { what, output, shapeOnly };
        foreach (Option option in (Option[])[layers, width, heads, keyHeads, headWidth, rotated, hidden, vocabulary, context, window, experts, used, type, with, seed])
        {
            verb.Add(option);
        }
        verb.SetAction(parse =>
        {
            SyntheticShape shape = Find(parse.GetValue(what)!);
            shape = shape with
            {
                Layers = parse.GetValue(layers) ?? shape.Layers,
                Width = parse.GetValue(width) ?? shape.Width,
                Heads = parse.GetValue(heads) ?? shape.Heads,
                KeyHeads = parse.GetValue(keyHeads) ?? shape.KeyHeads,
                HeadWidth = parse.GetValue(headWidth) ?? shape.HeadWidth,
                RopeDimensions = parse.GetValue(rotated) ?? shape.RopeDimensions,
                Hidden = parse.GetValue(hidden) ?? shape.Hidden,
                Vocabulary = parse.GetValue(vocabulary) ?? shape.Vocabulary,
                Context = parse.GetValue(context) ?? shape.Context,
                Window = parse.GetValue(window) ?? shape.Window,
                Experts = parse.GetValue(experts) ?? shape.Experts,
                ExpertsUsed = parse.GetValue(used) ?? shape.ExpertsUsed,
                Type = parse.GetValue(type) ?? shape.Type,
                With = parse.GetValue(with) is { Length: > 0 } names ? names : shape.With,
                Seed = (ulong)(parse.GetValue(seed) ?? (long)shape.Seed),
            };
            string path = parse.GetValue(output)!;
            if (!path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            {
                throw new DiagnosticException(Diagnostic.Error("TCC7011", "only GGUF models are made", path, "name a file that ends in .gguf"), FailureKind.Usage);
            }
            SyntheticModel.Create(shape, parse.GetValue(shapeOnly)).WriteFile(path);
            tool.Output.WriteLine($"{path}: {Numbers.Bytes(new FileInfo(path).Length)}, {shape.Architecture} of {shape.Layers} layers, {shape.Type}");
            return 0;
        });
        return verb;
    }

    private static Option<long?> Size(string name, string description) => new(name) { Description = description, HelpName = "N" };

    private static SyntheticShape Find(string name) =>
        SyntheticPresets.All.GetValueOrDefault(name) ?? (Architectures.Find(name) is { } architecture ? new SyntheticShape(architecture.Name)
            : throw new DiagnosticException(Diagnostic.Error("TCC7012", $"'{name}' is neither an architecture nor a preset",
                help: $"architectures: {string.Join(", ", Architectures.All.Select(a => a.Name))}; presets: {string.Join(", ", SyntheticPresets.All.Keys.Order(StringComparer.Ordinal))}"), FailureKind.Usage));
}
