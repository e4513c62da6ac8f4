using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tool;

/// <summary>The options that say how a model is compiled, for every verb that compiles one.</summary>
internal sealed class CompilationArguments
{
    private static readonly string[] s_precisions = ["f32", "bf16", "fp8", "int8", "int4-weights"];

    private readonly ChipOption _chip = new() { Description = $"A chip's name (see tcc chips) or a chip file [default: {ChipDescriptions.DefaultName}]", HelpName = "NAME|FILE.json" };

    private readonly Option<string> _precision = new("--precision")
    {
        Description = "Format of weights and activations",
        HelpName = string.Join('|', s_precisions),
        DefaultValueFactory = _ => "bf16",
    };

    private readonly Option<string[]> _bind = Several(new("--bind"), "DIM=N", "Fix a dimension (DIM=N) or set its upper bound (DIM=..N)");
    private readonly Option<string[]> _shape = Several(new("--shape"), "INPUT=1x32", "Set an input's shape; ? leaves a dimension as it is");
    private readonly Option<string[]> _const =
        Several(new FilesOption("--const", FileUse.Input, text => Split(text).Value), "INPUT=FILE.npy", "Make an input a constant");

    private readonly Option<string[]> _outputs = new("--outputs") { Description = "Tensors at which the graph ends, in place of the model's outputs", HelpName = "TENSOR", AllowMultipleArgumentsPerToken = true };

    private readonly Option<long?> _context = new("--context") { Description = "Upper bound of every dimension that has no bound of its own; of a GGUF model, positions of a sequence", HelpName = "N" };

    private readonly Option<long?> _batch = new("--batch") { Description = $"GGUF: sequences that run together, at most [default: {GgufOptions.DefaultBatch}]", HelpName = "N" };
    private readonly Option<CacheFormat?> _cache = new("--kv-cache") { Description = "Format of the caches of keys and values [default: the precision's]", HelpName = "f32|bf16|fp8|int8" };
    private readonly Option<CacheMode> _cacheMode = new("--cache-mode") { Description = "append: room for the whole context of every sequence; paged: sequences share pages as they grow [default: append]", HelpName = "append|paged" };
    private readonly Option<bool> _allLogits = new("--all-logits") { Description = "GGUF: logits of every position, not only of each sequence's last" };
    private readonly Option<Pooling?> _pooling = new("--pooling") { Description = "GGUF: an embedding in place of logits, pooled so [default: what the file says]", HelpName = "none|mean|cls|last" };

    private readonly Option<bool> _acceptNewer = new("--accept-newer") { Description = "ONNX: read versions of the format and of operator sets that are newer than the newest known one as that one" };
    private readonly Option<string[]> _acceptUnknown = new("--accept-unknown") { Description = "GGUF: compile the model as if it had not this key, which is not known or asks for what is not supported", HelpName = "KEY", AllowMultipleArgumentsPerToken = true };

    private enum CacheMode { Append, Paged }

    public CompilationArguments()
    {
        _precision.AcceptOnlyFromAmong(s_precisions);
        foreach (Option<long?> option in (Option<long?>[])[_context, _batch])
        {
            option.Validators.Add(result =>
            {
                if (result.Tokens.Count == 1 && !(long.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long n) && n > 0))
                {
                    result.AddError($"{option.Name} {result.Tokens[0].Value}: a positive number is needed");
                }
            });
        }
    }

    public void AddTo(Command verb)
    {
        AddTargetTo(verb);
        AddModelOptionsTo(verb);
    }

    /// <summary>Only what is said about one model, nothing about what it is compiled for.</summary>
    public void AddModelOptionsTo(Command verb)
    {
        foreach (Option option in (Option[])[_bind, _shape, _const, _outputs, _context, _batch, _cache, _cacheMode, _allLogits, _pooling, _acceptNewer, _acceptUnknown])
        {
            verb.Add(option);
        }
    }

    /// <summary>Only what is compiled for, nothing about one model.</summary>
    public void AddTargetTo(Command verb)
    {
        verb.Add(_chip);
        verb.Add(_precision);
    }

    /// <summary>The chip as the user named it; null when left to the default.</summary>
    public string? GivenChip(ParseResult parse) => parse.GetValue(_chip);

    /// <exception cref="DiagnosticException">The chip or a constant is invalid, or the precision is not built yet.</exception>
    public CompileOptions Read(ParseResult parse) => new()
    {
        Chip = ChipDescriptions.Load(GivenChip(parse) ?? ChipDescriptions.DefaultName),
        Precision = ReadPrecision(parse.GetValue(_precision)!),
        Cache = parse.GetValue(_cache),
        PagedCache = parse.GetValue(_cacheMode) == CacheMode.Paged,
        Import = ReadImport(parse),
        Gguf = ReadGguf(parse),
        Recorded = Recorded(parse),
        CheckTokenizer = TokenizerCheck.Problems,
    };

    /// <exception cref="DiagnosticException">A constant cannot be read.</exception>
    public ImportOptions ReadImport(ParseResult parse) => new()
    {
        Bindings = Pairs(parse, _bind).ToDictionary(p => p.Name, p => ReadBinding(p.Value)),
        InputShapes = Pairs(parse, _shape).ToDictionary(p => p.Name, p => (IReadOnlyList<long>)[.. ReadShape(p.Value)!]),
        Constants = Pairs(parse, _const).ToDictionary(p => p.Name, p => NpyFile.Read(p.Value)),
        Outputs = parse.GetValue(_outputs) ?? [],
        AcceptNewer = parse.GetValue(_acceptNewer),
        DefaultBound = parse.GetValue(_context) ?? new ImportOptions().DefaultBound,
    };

    public GgufOptions ReadGguf(ParseResult parse) => new()
    {
        Context = parse.GetValue(_context),
        Batch = parse.GetValue(_batch),
        AllLogits = parse.GetValue(_allLogits),
        Pooling = parse.GetValue(_pooling),
        AcceptUnknownKeys = [.. parse.GetValue(_acceptUnknown) ?? []],
    };

    /// <summary>What the binary keeps of the options: everything that shapes it, nothing about the machine it was made on.</summary>
    private string[] Recorded(ParseResult parse) =>
    [
        $"--precision {parse.GetValue(_precision)}",
        .. (parse.GetValue(_bind) ?? []).Select(b => $"--bind {b}"),
        .. (parse.GetValue(_shape) ?? []).Select(s => $"--shape {s}"),
        .. Pairs(parse, _const).Select(c => $"--const {c.Name}"),
        .. (parse.GetValue(_outputs) ?? []).Select(o => $"--outputs {o}"),
        .. parse.GetValue(_context) is long n ? [string.Create(CultureInfo.InvariantCulture, $"--context {n}")] : Array.Empty<string>(),
        .. parse.GetValue(_batch) is long b ? [string.Create(CultureInfo.InvariantCulture, $"--batch {b}")] : Array.Empty<string>(),
        .. parse.GetValue(_cache) is { } cache ? [$"--kv-cache {cache.ToString().ToLowerInvariant()}"] : Array.Empty<string>(),
        .. parse.GetValue(_cacheMode) == CacheMode.Paged ? ["--cache-mode paged"] : Array.Empty<string>(),
        .. parse.GetValue(_allLogits) ? ["--all-logits"] : Array.Empty<string>(),
        .. parse.GetValue(_pooling) is { } pooling ? [$"--pooling {pooling.ToString().ToLowerInvariant()}"] : Array.Empty<string>(),
        .. parse.GetValue(_acceptNewer) ? ["--accept-newer"] : Array.Empty<string>(),
        .. (parse.GetValue(_acceptUnknown) ?? []).Select(k => $"--accept-unknown {k}"),
    ];

    private static Precision ReadPrecision(string name) => name switch
    {
        "f32" => Precision.F32,
        "bf16" => Precision.BF16,
        _ => throw new DiagnosticException(Diagnostic.Error("TCC7004", $"precision {name} is not built yet", help: "use f32 or bf16")),
    };

    /// <summary>An option with any number of NAME=VALUE arguments.</summary>
    private static Option<string[]> Several(Option<string[]> option, string form, string description)
    {
        string name = option.Name;
        (option.Description, option.HelpName, option.AllowMultipleArgumentsPerToken) = (description, form, true);
        option.Validators.Add(result =>
        {
            foreach (Token token in result.Tokens.Where(t => !IsValid(name, t.Value)))
            {
                result.AddError($"{name} {token.Value}: {form} is needed (a model stands before the options)");
            }
            foreach (IGrouping<string, string> twice in result.Tokens.Select(t => Split(t.Value).Name).GroupBy(n => n).Where(g => g.Count() > 1))
            {
                result.AddError($"{name}: {twice.Key} is given twice");
            }
        });
        return option;
    }

    private static bool IsValid(string option, string text)
    {
        (string name, string value) = Split(text);
        return name.Length > 0 && option switch
        {
            "--bind" => ReadSize(value.StartsWith("..", StringComparison.Ordinal) ? value[2..] : value) is not null,
            "--shape" => ReadShape(value) is not null,
            _ => value.Length > 0,
        };
    }

    private static IEnumerable<(string Name, string Value)> Pairs(ParseResult parse, Option<string[]> option) => (parse.GetValue(option) ?? []).Select(Split);

    /// <summary>At the last "=": names of inputs may hold one, values do not.</summary>
    private static (string Name, string Value) Split(string text)
    {
        int at = text.LastIndexOf('=');
        return at < 0 ? ("", "") : (text[..at], text[(at + 1)..]);
    }

    private static DimensionLimit ReadBinding(string value) =>
        value.StartsWith("..", StringComparison.Ordinal) ? DimensionLimit.AtMost(ReadSize(value[2..])!.Value) : DimensionLimit.To(ReadSize(value)!.Value);

    private static List<long>? ReadShape(string value)
    {
        var shape = new List<long>();
        foreach (string part in value.Split('x'))
        {
            if ((part == "?" ? -1 : ReadSize(part)) is not long size)
            {
                return null;
            }
            shape.Add(size);
        }
        return shape;
    }

    private static long? ReadSize(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : null;
}
