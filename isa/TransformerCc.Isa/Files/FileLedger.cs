namespace TransformerCc.Isa.Files;

/// <summary>
/// The files that one command reads and writes, so that no output takes the place of an input. The command begins a ledger;
/// <see cref="InputFile"/> and <see cref="AtomicFile"/>, through which all files go, note in it what is opened. It follows the flow
/// of the command into its tasks, and without one nothing is noted: a program that uses the libraries answers for itself.
/// </summary>
/// <remarks>
/// It is the only state beside the arguments of calls. External data and parts of a model are found deep in the importers and the
/// output is written somewhere else: passed by hand, one caller could forget it, and the one who forgets loses a model.
/// </remarks>
public sealed class FileLedger : IDisposable
{
    public const string OutputIsInput = "TCC4003", OutputsAreOne = "TCC4004";

    private static readonly AsyncLocal<FileLedger?> s_current = new();

    private readonly Lock _lock = new();
    private readonly FileLedger? _outer = s_current.Value;
    private readonly Set _inputs = new(), _planned = new(), _written = new();
    private readonly List<string> _unchanged = [];

    private FileLedger()
    {
    }

    /// <summary>That of the command in whose flow the caller is.</summary>
    public static FileLedger? Current => s_current.Value;

    /// <summary>Outputs that were there already, byte for byte, and were left alone.</summary>
    public IReadOnlyList<string> Unchanged => _unchanged;

    public static FileLedger Begin() => s_current.Value = new FileLedger();

    public void Dispose() => s_current.Value = _outer;

    /// <summary>A file that is read, or will be. What the command wrote itself before is none.</summary>
    /// <exception cref="DiagnosticException">TCC4003: the command is going to write it.</exception>
    public void AddInput(string path)
    {
        lock (_lock)
        {
            FileIdentity file = FileIdentity.Of(path);
            if (_written.Find(file) is not null)
            {
                return;
            }
            if (_planned.Find(file) is { } output)
            {
                throw Lost(output, path);
            }
            _inputs.Add(file, path);
        }
    }

    /// <summary>A file that will be written, told before there are bytes for it.</summary>
    /// <exception cref="DiagnosticException">TCC4003: it is an input as well; TCC4004: it is another output as well.</exception>
    public void AddOutput(string path)
    {
        lock (_lock)
        {
            ExpectNoInput(path);
            FileIdentity file = FileIdentity.Of(path);
            if (_planned.Find(file) is { } other)
            {
                throw new DiagnosticException(Diagnostic.Error(OutputsAreOne, $"two outputs of one command are the same file{Also(path, other)}", path,
                    "give each output a file of its own"), FailureKind.Usage);
            }
            _planned.Add(file, path);
        }
    }

    /// <exception cref="DiagnosticException">TCC4003: the file is an input.</exception>
    public void ExpectNoInput(string path)
    {
        lock (_lock)
        {
            if (_inputs.Find(FileIdentity.Of(path)) is { } input)
            {
                throw Lost(path, input);
            }
        }
    }

    internal void AddWritten(string path, bool isUnchanged)
    {
        lock (_lock)
        {
            _written.Add(FileIdentity.Of(path), path);
            if (isUnchanged)
            {
                _unchanged.Add(path);
            }
        }
    }

    private static DiagnosticException Lost(string output, string input) => new(Diagnostic.Error(OutputIsInput,
        $"the output is an input of the same command, which would be lost{Also(output, input)}", output, "give the output a place of its own"), FailureKind.Usage);

    private static string Also(string path, string other) => path == other ? "" : $": it is the same file as {other}";

    /// <summary>Files by what they are; each with the path that named it first.</summary>
    private sealed class Set
    {
        private readonly Dictionary<string, string> _contents = new(StringComparer.Ordinal), _names = new(StringComparer.Ordinal);

        public void Add(FileIdentity file, string path)
        {
            _contents.TryAdd(file.Content, path);
            _names.TryAdd(file.Name, path);
        }

        public string? Find(FileIdentity file) => _contents.GetValueOrDefault(file.Content) ?? _names.GetValueOrDefault(file.Name);
    }
}
