using System.CommandLine;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Exporters.Onnx;
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
        var output = new FileOption("--output", FileUse.Output, "-o") { Description = "The file to write", HelpName = "FILE.gguf|FILE.onnx", Required = true };
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
            (string name, string path) = (parse.GetValue(what)!, parse.GetValue(output)!);
            bool onlyShape = parse.GetValue(shapeOnly);
            if (EncoderPresets.All.GetValueOrDefault(name) is { } encoder)
            {
                Expect(path, ".onnx", name);
                if (((Option[])[keyHeads, headWidth, rotated, vocabulary, context, window, experts, used, type, with]).FirstOrDefault(o => parse.GetResult(o) is { Implicit: false }) is { } other)
                {
                    throw new DiagnosticException(Diagnostic.Error("TCC7013", $"{other.Name} is not an option of {name}", help: "an encoder has --layers, --width, --heads, --ffn and --seed"), FailureKind.Usage);
                }
                encoder = encoder with
                {
                    Layers = parse.GetValue(layers) ?? encoder.Layers,
                    Width = parse.GetValue(width) ?? encoder.Width,
                    Heads = parse.GetValue(heads) ?? encoder.Heads,
                    Hidden = parse.GetValue(hidden) ?? encoder.Hidden,
                    Seed = (ulong)(parse.GetValue(seed) ?? (long)encoder.Seed),
                };
                long bytes = SyntheticEncoder.Create(encoder, onlyShape).WriteFile(path);
                return Report(path, bytes, FormattableString.Invariant($"{name} of {encoder.Layers} layers, f32"));
            }
            SyntheticShape shape = Find(name);
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
            Expect(path, ".gguf", name);
            SyntheticModel.Create(shape, onlyShape).WriteFile(path);
            return Report(path, new FileInfo(path).Length, FormattableString.Invariant($"{shape.Architecture} of {shape.Layers} layers, {shape.Type}"));
        });
        return verb;

        int Report(string path, long bytes, string text)
        {
            tool.Output.WriteLine($"{path}: {Numbers.Bytes(bytes)}, {text}");
            return 0;
        }
    }

    private static void Expect(string path, string extension, string name)
    {
        if (!path.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC7011", $"{name} is not made as this kind of file", path, $"name a file that ends in {extension}"), FailureKind.Usage);
        }
    }

    private static Option<long?> Size(string name, string description) => new(name) { Description = description, HelpName = "N" };

    private static SyntheticShape Find(string name) =>
        SyntheticPresets.All.GetValueOrDefault(name) ?? (Architectures.Find(name) is { } architecture ? new SyntheticShape(architecture.Name)
            : throw new DiagnosticException(Diagnostic.Error("TCC7012", $"'{name}' is neither an architecture nor a preset",
                help: $"architectures: {string.Join(", ", Architectures.All.Select(a => a.Name))}; presets: {string.Join(", ", SyntheticPresets.All.Keys.Concat(EncoderPresets.All.Keys).Order(StringComparer.Ordinal))}"), FailureKind.Usage));
}
