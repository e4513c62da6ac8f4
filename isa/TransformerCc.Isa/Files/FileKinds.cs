using System.Globalization;

namespace TransformerCc.Isa.Files;

/// <summary>
/// Says what a file is that a reader could not read: a download that went wrong, a model of another system, one of our own files in
/// the wrong place. It only explains a failure. A file that its reader takes is never looked at.
/// </summary>
public static class FileKinds
{
    private const string Fetch = "fetch the file again, from an address that gives the file itself";
    private const string ToGguf = "to GGUF (convert_hf_to_gguf.py of llama.cpp)";
    private const string Export = "it holds weights and no computation: export the model to ONNX (optimum-cli export onnx), or convert it " + ToGguf;
    private const string LookInto = "a failed download leaves such a file: look into it, then fetch the model again";
    private const string Source = "give the ONNX model that it was made from";
    private const string ConvertAgain = "convert the original model again, " + ToGguf;

    /// <summary>Fewer characters may be the beginning of anything.</summary>
    private const int ShortestText = 8;

    /// <summary>The most specific first: a page is a text too.</summary>
    private static readonly FileKind[] s_kinds =
    [
        new(f => f.Length == 0 ? "an empty file" : null)
        { Roles = [FileRole.Buffers, FileRole.Assembly], StandsForAnother = true, Help = "fetch or make the file again" },
        new(LfsPointer)
        { StandsForAnother = true, Help = "fetch the file itself: run git lfs pull in its repository, or download it again" },
        new(f => f.HasText("/annex/objects/") || f.HasText("../.git/annex/objects/") ? "a git-annex pointer" : null)
        { StandsForAnother = true, Help = "fetch the file itself: run git annex get PATH" },
        new(Page) { StandsForAnother = true, Help = Fetch },

        new(f => f.Has("GGUF"u8) ? "a GGUF model" : null) { Roles = [FileRole.Gguf], Help = "name it with the ending .gguf" },
        new(f => f.Has(BinaryFile.FileLayout.Magic) ? "a TX1 binary" : null)
        { Roles = [FileRole.Binary], Help = "it is compiled already: tcc run PATH runs it, tcc inspect PATH shows what it holds" },
        new(f => f.Has(Tensors.NpyHeader.Magic) ? "a NumPy array" : null)
        { Roles = [FileRole.Array], Help = "an array is an input: give it with tcc run FILE.bin --inputs DIR, or --const INPUT=PATH" },
        new(f => f.HasText(".chip \"") ? "an assembly text" : null)
        { Roles = [FileRole.Assembly], Help = "assemble it: tcc asm PATH -o FILE.bin" },
        new(OtherProtobuf) { Help = Source },
        new(f => LooksLikeOnnx(f) ? "an ONNX model" : null) { Roles = [FileRole.Onnx], Help = "name it with the ending .onnx" },

        new(Safetensors) { Help = Export },
        new(f => f.Has("tjgg"u8) || f.Has("fmgg"u8) || f.Has("lmgg"u8) ? "a GGML model from before GGUF" : null) { Help = ConvertAgain },
        new(f => f.Has("algg"u8) ? "a GGML adapter from before GGUF" : null) { Help = "it changes another model: " + ConvertAgain },
        new(f => f.Has(4, "TFL3"u8) ? "a TensorFlow Lite model" : null)
        { Help = "convert it: python -m tf2onnx.convert --tflite PATH --output FILE.onnx" },
        new(f => f.Has(4, "ORTM"u8) ? "a model in ONNX Runtime's own format (.ort)" : null) { Help = Source },
        new(f => f.Has("ptrt"u8) || f.Has("ftrt"u8) ? "a TensorRT engine" : null) { Help = "it is compiled for one GPU: " + Source },
        new(f =>
            (f.HasText("<?xml") || f.HasText("<net ")) && f.Text!.Contains("<net ", StringComparison.Ordinal) ? "a model in OpenVINO's format" : null)
        { Help = Source },
        new(f => f.HasText("<?xml") ? $"an XML text that begins '{Beginning(f.Text!)}'" : null) { Help = LookInto },
        new(Zip) { Help = Export },
        new(f => f[0] == 0x80 && f[1] is >= 2 and <= 5 && f[2] >= 0x20 ? "a Python pickle, as older PyTorch checkpoints are" : null)
        { Help = Export },
        new(f => f.Has([0x89, (byte)'H', (byte)'D', (byte)'F']) ? "an HDF5 file, as Keras weights are" : null)
        { Help = "convert the model: python -m tf2onnx.convert --keras PATH --output FILE.onnx" },
        new(f => f[0] == 0x0A && f[2] == 0x0A && f.Latin(4, 1) == "<" && f[4 + f[3]] == 0x15 ? "a SentencePiece tokenizer" : null)
        { Help = "it splits text only; the model is another file" },

        new(f => f.Has([0x1F, 0x8B]) ? "a gzip archive" : null)
        { StandsForAnother = true, Help = "unpack it: gunzip, or tar -xzf where it holds several files" },
        new(f => f.Has([0x28, 0xB5, 0x2F, 0xFD]) ? "a zstd archive" : null) { StandsForAnother = true, Help = "unpack it: zstd -d PATH" },
        new(f => f.Has([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "an xz archive" : null)
        { StandsForAnother = true, Help = "unpack it: xz -d PATH" },
        new(f => f.Has("BZh"u8) && f.Has(4, "1AY&SY"u8) ? "a bzip2 archive" : null)
        { StandsForAnother = true, Help = "unpack it: bunzip2 PATH" },
        new(f => f.Has([(byte)'7', (byte)'z', 0xBC, 0xAF]) ? "a 7z archive" : null) { StandsForAnother = true, Help = "unpack it" },
        new(f => f.Has(257, "ustar"u8) ? "a tar archive" : null) { StandsForAnother = true, Help = "unpack it: tar -xf PATH" },

        new(f => f.Has([0x89, (byte)'P', (byte)'N', (byte)'G']) ? "a PNG image" : null)
        { Help = "an image is no model; as an input it is an array (.npy)" },
        new(f => f.Has([0xFF, 0xD8, 0xFF]) ? "a JPEG image" : null) { Help = "an image is no model; as an input it is an array (.npy)" },
        new(f => f.Has("GIF8"u8) || (f.Has("RIFF"u8) && f.Has(8, "WEBP"u8)) ? "an image" : null)
        { Help = "an image is no model; as an input it is an array (.npy)" },
        new(f => f.Has("RIFF"u8) && f.Has(8, "WAVE"u8) ? "a sound file" : null)
        { Help = "a sound is no model; as an input it is an array (.npy)" },
        new(f => f.Has("%PDF"u8) ? "a PDF document" : null) { Help = FileRole.Onnx.Help },
        new(f =>
            f.Has([0x7F, (byte)'E', (byte)'L', (byte)'F']) || (f.Has("MZ"u8) && f.Text is null) ? "a program of this or another computer" : null)
        { Help = FileRole.Onnx.Help },

        new(Json)
        { Roles = [FileRole.Chip], Help = "a failed download leaves such a file (then fetch it again); a configuration (config.json) describes a model and holds none" },
        new(f => f.Text is { Length: >= ShortestText } text ? $"a text that begins '{Beginning(text)}'" : null)
        {
            Roles = [FileRole.Assembly, FileRole.Buffers, FileRole.Chip],
            Help = LookInto,
        },
        new(f => f.IsOnlyZeros ? "a file that begins with nothing but zeros" : null)
        { Help = "a download that did not end leaves such a file: fetch it again" },
    ];

    /// <summary>
    /// Calls a reader. Where it fails on a file of another kind than it wants, the diagnostic says which kind, and the way on.
    /// </summary>
    /// <exception cref="DiagnosticException">The reader's own, or one in its place with the same code.</exception>
    public static T Explained<T>(string path, FileRole wanted, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DiagnosticException e) when (e.Kind == FailureKind.InvalidInput && FileStart.Read(path) is { } start
            && Explain(start, path, wanted, e.Diagnostics[0].Code) is { } explained)
        {
            throw new DiagnosticException(explained);
        }
    }

    /// <summary>What a file is that was wanted to be something else; null when it may be that, or is of no known kind.</summary>
    public static Diagnostic? Explain(FileStart start, string path, FileRole wanted, string code)
    {
        foreach (FileKind kind in s_kinds)
        {
            if (kind.Describe(start) is not { } name)
            {
                continue;
            }
            // Weights are any bytes: only what is surely no weights is told apart from them.
            bool mayBeIt = kind.Roles.Contains(wanted) || (wanted == FileRole.ExternalData && !kind.StandsForAnother && start.Text is null);
            return mayBeIt ? null : Diagnostic.Error(code, $"not {wanted.Name}: it is {name}", path, Help(kind, wanted, path));
        }
        return wanted.IsText && start.Text is null ? Diagnostic.Error(code, $"not {wanted.Name}: it is no text at all", path, wanted.Help) : null;
    }

    private static string Help(FileKind kind, FileRole wanted, string path)
    {
        if (wanted == FileRole.Binary && kind.Roles.FirstOrDefault(r => r.IsModel) is { } model)
        {
            return Compile(path, model);
        }
        bool isAssembly = kind.Roles is [{ } role] && role == FileRole.Assembly;
        bool isForIt = kind.StandsForAnother || wanted.IsModel || (wanted == FileRole.Binary && isAssembly);
        return isForIt && kind.Help is not null ? kind.Help.Replace("PATH", path, StringComparison.Ordinal) : wanted.Help;
    }

    private static string Compile(string path, FileRole model)
    {
        string binary = Path.ChangeExtension(Path.GetFileName(path), ".bin");
        return $"compile it first: tcc compile {path} -o {binary}; then give {binary}, as in tcc run {binary} {(model == FileRole.Gguf ? "--prompt TEXT" : "--inputs DIR --outputs DIR")}";
    }

    /// <summary>Git LFS, specification of version 1: lines "version", "oid", "size".</summary>
    private static string? LfsPointer(FileStart f)
    {
        if (!f.HasText("version https://git-lfs.github.com/spec/"))
        {
            return null;
        }
        string? size = f.Text!.Split('\n').Select(l => l.Trim()).FirstOrDefault(l => l.StartsWith("size ", StringComparison.Ordinal))?[5..];
        bool isSized = long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes);
        return isSized ? $"a Git LFS pointer to a file of {Size(bytes)}" : "a Git LFS pointer";
    }

    /// <summary>A page that a server sent in place of the file; its title says why.</summary>
    private static string? Page(FileStart f)
    {
        if (!f.HasText("<!doctype html") && !f.HasText("<html"))
        {
            return null;
        }
        int at = f.Text!.IndexOf("<title>", StringComparison.OrdinalIgnoreCase);
        string title = at < 0 ? "" : f.Text[(at + "<title>".Length)..].Split('<')[0].Trim();
        return title.Length > 0 ? $"an HTML page, '{Beginning(title)}'" : "an HTML page";
    }

    private static string? Json(FileStart f) =>
        f.Text is { Length: > 0 } text && text[0] is '{' or '[' ? $"a JSON text that begins '{Beginning(f.Text)}'" : null;

    /// <summary>A length of 8 bytes, then the header, which is JSON.</summary>
    private static string? Safetensors(FileStart f) =>
        f.U64(0) is > 1 and < 1 << 30 && f[8] == '{' && f[9] is '"' or '}' or ' ' ? "a safetensors file" : null;

    /// <summary>The name of the first member stands at byte 30; PyTorch, NumPy and Core ML have members of their own.</summary>
    private static string? Zip(FileStart f)
    {
        if (!f.Has([(byte)'P', (byte)'K', 3, 4]))
        {
            return null;
        }
        string member = f.Latin(30, int.Max(0, f[26]) + (int.Max(0, f[27]) << 8));
        return member.EndsWith("/data.pkl", StringComparison.Ordinal) || member.EndsWith("/version", StringComparison.Ordinal) ? "a PyTorch checkpoint"
            : member.EndsWith(".npy", StringComparison.Ordinal) ? "an archive of NumPy arrays (.npz)" : "a zip archive, as PyTorch checkpoints are";
    }

    /// <summary>
    /// Models of other systems that are protobuf too: field 1 is a version and field 2 a message, which begins with its own field 1,
    /// where ONNX has the name of a producer (SavedModel of TensorFlow, saved_model.proto; Model of Core ML, Model.proto).
    /// </summary>
    private static string? OtherProtobuf(FileStart f) => f[0] != 0x08 || f[2] != 0x12 ? null
        : f[f[3] < 0x80 ? 4 : f[4] < 0x80 ? 5 : f[5] < 0x80 ? 6 : 7] != 0x0A ? null
        : f[1] == 1 ? "a TensorFlow SavedModel" : f[1] < 0x20 ? "a Core ML model" : null;

    /// <summary>Field 1 is ir_version, a small number; a producer, a domain, a version or the graph follows.</summary>
    private static bool LooksLikeOnnx(FileStart f) =>
        f[0] == 0x08 && f[1] is > 0 and < 0x20 && f[2] is 0x12 or 0x1A or 0x22 or 0x28 or 0x32 or 0x3A or 0x42;

    /// <summary>One line, as far as it tells something, without quotes that would end it early.</summary>
    private static string Beginning(string text)
    {
        const int Most = 60;
        string line = string.Join(' ', text.Split((char[])[' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
        return line.Length > Most ? line[..Most] + "…" : line;
    }

    /// <summary>Decimal units, as download pages have them.</summary>
    private static string Size(long bytes)
    {
        string[] units = ["bytes", "kB", "MB", "GB", "TB"];
        int unit = 0;
        double scaled = bytes;
        for (; scaled >= 1000 && unit < units.Length - 1; unit++)
        {
            scaled /= 1000;
        }
        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 ? bytes : scaled):0.#} {units[unit]}");
    }
}
