using System.CommandLine;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Importers;
using TransformerCc.Tool;

namespace TransformerCc.Tests.Tool;

/// <summary>No command writes over what it reads, whatever the output is called: it is refused before anything is written.</summary>
public sealed class LostInputTests(LostInputTests.Material material) : IClassFixture<LostInputTests.Material>, IDisposable
{
    private const string Out = "<out>";

    private readonly LinkedFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>One valid file of each kind; a test copies them into a folder of its own.</summary>
    public sealed class Material
    {
        public Dictionary<string, byte[]> Files { get; } = [];

        public Material()
        {
            using var folder = new LinkedFolder();
            Files["m.onnx"] = new OnnxBuilder().Input("x", 1, 1, 4).Floats("w", [4], 1, 2, 3, 4).Node("Add", "x w", "y").Output("y").Bytes();
            Files["chip.json"] = System.Text.Encoding.UTF8.GetBytes(ToolRun.Good("chips", "tx1").Output);
            ToolRun.Good("compile", folder.File("m.onnx", Files["m.onnx"]), "-o", folder["m.bin"], "--precision", "f32");
            Files["m.bin"] = File.ReadAllBytes(folder["m.bin"]);
            Files["p.tasm"] = System.Text.Encoding.UTF8.GetBytes(ToolRun.Good("disasm", folder["m.bin"]).Output);
            NpyFile.Write(folder["x.npy"], Tensor.From<float>(ElementType.F32, [1, 4], [1f, 2, 3, 4]));
            Files["in/x.npy"] = File.ReadAllBytes(folder["x.npy"]);
            Files["c.npy"] = Files["in/x.npy"];
        }
    }

    /// <summary>Each option that names an output, in commands that name inputs of every kind that the verb takes.</summary>
    private static readonly (string Verb, string Option, string[] Arguments, string[] Inputs)[] s_writers =
    [
        ("compile", "--output", ["m.onnx", "-o", Out, "--chip", "chip.json", "--const", "x=c.npy"], ["m.onnx", "chip.json", "c.npy"]),
        ("run", "--outputs", ["m.bin", "--inputs", "in", "--outputs", Out, "--chip", "chip.json"], ["in", "m.bin", "chip.json"]),
        ("estimate", "--trace", ["m.onnx", "--trace", Out, "--chip", "chip.json", "--const", "x=c.npy"], ["m.onnx", "chip.json", "c.npy"]),
        ("asm", "--output", ["p.tasm", "-o", Out, "--weights", "m.bin"], ["p.tasm", "m.bin"]),
        ("synth", "--output", ["llama", "-o", Out], []),
    ];

    /// <summary>Ways to spell a file; %s is its name.</summary>
    private static readonly string[] s_spellings = ["%s", "./%s", "in/../%s", "to-%s", "to-to-%s", "here/%s", "here/here/to-%s", "hard-%s"];

    /// <summary>What stands in the help of an option that names files.</summary>
    private static readonly string[] s_formsOfFiles = ["FILE", "DIR", "MODEL", "PATH", "STORE", ".npy", ".json"];

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach ((string verb, _, _, string[] inputs) in s_writers)
        {
            foreach (string input in inputs)
            {
                cases.Add(verb, input);
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_output_that_is_an_input_is_refused_however_it_is_spelled(string verb, string input)
    {
        Lay();
        string[] before = _folder.State();
        foreach (string spelling in s_spellings.Where(s => !s.StartsWith("hard", StringComparison.Ordinal) || (OperatingSystem.IsLinux() && input != "in")))
        {
            Refused(2, before, verb, spelling.Replace("%s", input, StringComparison.Ordinal), s_writers.Single(w => w.Verb == verb).Arguments);
        }
    }

    /// <summary>The same, where the input is named in another way than the output.</summary>
    [Fact]
    public void An_input_behind_a_link_is_as_safe()
    {
        Lay();
        string[] before = _folder.State();
        Refused(2, before, "compile", "m.onnx", ["here/to-to-m.onnx", "-o", Out]);
        Refused(2, before, "compile", "to-m.onnx", ["m.onnx", "-o", Out]);
        Refused(2, before, "run", "here/in", ["m.bin", "--inputs", "to-in", "--outputs", Out]);
    }

    /// <summary>Who adds an option that writes adds it to the table above, or this fails.</summary>
    [Fact]
    public void Every_option_that_names_files_says_what_it_does_with_them()
    {
        Command root = CommandLine.CreateRoot(new ToolContext(TextWriter.Null, TextWriter.Null, interactive: false));
        var writers = new List<string>();
        var silent = new List<string>();
        foreach (Command verb in root.Subcommands)
        {
            foreach ((Symbol symbol, string form) in verb.Options.Select(o => ((Symbol)o, $"{o.Name} {o.HelpName}")).Concat(verb.Arguments.Select(a => ((Symbol)a, $"{a.Name} {a.HelpName}"))))
            {
                if (symbol is INamesFiles { Use: FileUse.Output })
                {
                    writers.Add($"{verb.Name} {symbol.Name}");
                }
                else if (symbol is not INamesFiles && s_formsOfFiles.Any(f => form.Contains(f, StringComparison.Ordinal)))
                {
                    silent.Add($"{verb.Name} {form}");
                }
            }
        }
        Assert.Empty(silent);
        Assert.Equal(s_writers.Select(w => $"{w.Verb} {w.Option}").Order(StringComparer.Ordinal), writers.Order(StringComparer.Ordinal));
    }

    /// <summary>What a model consists of is known only when it is read.</summary>
    [Fact]
    public void External_data_and_parts_are_inputs_too()
    {
        var builder = new OnnxBuilder().Input("x", 1, 1, 4).Node("Add", "x w", "y").Output("y");
        builder.Model.Graph.Initializer.Add(new TensorProto { Name = "w", DataType = 1, Dims = { 4L }, DataLocation = TensorProto.Types.DataLocation.External, ExternalData = { new StringStringEntryProto { Key = "location", Value = "data/w" } } });
        _folder.File("e.onnx", builder.Bytes());
        _folder.File("data/w", new byte[16]);
        _folder.File("g-00001-of-00002.gguf", new GgufWriter().Add("split.no", (ushort)0).Add("split.count", (ushort)2).Add("general.architecture", "llama").ToBytes());
        _folder.File("g-00002-of-00002.gguf", new GgufWriter().Add("split.no", (ushort)1).Add("split.count", (ushort)2).ToBytes());
        _folder.Links("here -> .; to-data -> data/w");
        string[] before = _folder.State();
        foreach (string output in (string[])["data/w", "to-data", "here/data/../to-data"])
        {
            Refused(null, before, "compile", output, ["e.onnx", "-o", Out]);
            Refused(null, before, "estimate", output, ["e.onnx", "--trace", Out]);
        }
        foreach (string output in (string[])["g-00002-of-00002.gguf", "here/g-00002-of-00002.gguf"])
        {
            Refused(null, before, "compile", output, ["g-00001-of-00002.gguf", "-o", Out]);
        }
    }

    /// <summary>The folders differ, a file in them does not.</summary>
    [Fact]
    public void A_result_that_is_an_input_is_refused()
    {
        Lay();
        _folder.Links("out/y.npy -> ../in/x.npy");
        string[] before = _folder.State();
        Refused(2, before, "run", "out", ["m.bin", "--inputs", "in", "--outputs", Out]);
        ToolRun.Good("run", _folder["m.bin"], "--inputs", _folder["in"], "--outputs", _folder["free"]);
        Assert.Equal(before.Length + 2, _folder.State().Length);
    }

    [Fact]
    public void What_does_not_change_keeps_its_time()
    {
        Lay();
        string[][] commands =
        [
            ["compile", "m.onnx", "-o", "new.bin"], ["run", "m.bin", "--inputs", "in", "--outputs", "results"],
            ["estimate", "m.onnx", "--trace", "trace.json"], ["asm", "p.tasm", "-o", "again.bin", "--weights", "m.bin"],
            ["synth", "llama", "--layers", "1", "--width", "32", "--heads", "2", "--ffn", "32", "--vocab", "300", "--context", "32", "-o", "s.gguf"],
        ];
        foreach (string[] command in commands)
        {
            string[] arguments = [.. command.Select(Place)];
            Assert.DoesNotContain("unchanged", ToolRun.Good(arguments).Error, StringComparison.Ordinal);
            string[] before = _folder.State();
            Assert.Contains(" is unchanged\n", ToolRun.Good(arguments).Error, StringComparison.Ordinal);
            Assert.Equal(before, _folder.State());
        }
    }

    private void Lay()
    {
        foreach ((string name, byte[] bytes) in material.Files)
        {
            _folder.File(name, bytes);
        }
        _folder.Links("here -> .");
        foreach (string name in (string[])["m.onnx", "m.bin", "chip.json", "c.npy", "p.tasm", "in"])
        {
            _folder.Links($"to-{name} -> {name}; to-to-{name} -> ROOT/to-{name}");
            if (OperatingSystem.IsLinux() && name != "in")
            {
                using var link = System.Diagnostics.Process.Start("ln", [_folder[name], _folder[$"hard-{name}"]]);
                link.WaitForExit();
            }
        }
    }

    /// <summary>Names in the folder become paths; everything else stays.</summary>
    private string Place(string argument) =>
        argument.StartsWith("x=", StringComparison.Ordinal) ? $"x={_folder[argument[2..]]}"
        : argument is "in" or "here/in" or "to-in" or "results" || (argument.Contains('.', StringComparison.Ordinal) && !argument.StartsWith('-')) ? $"{_folder.FullName}/{argument}" : argument;

    private void Refused(int? exitCode, string[] before, string verb, string output, string[] arguments)
    {
        string[] all = [verb, .. arguments.Select(a => a == Out ? $"{_folder.FullName}/{output}" : Place(a))];
        ToolRun run = ToolRun.Of(all);
        Assert.True(exitCode is int code ? run.ExitCode == code : run.ExitCode is 2 or 3, $"{string.Join(' ', all)} ended with {run.ExitCode}\n{run.Error}");
        Assert.Contains(FileLedger.OutputIsInput, run.Error, StringComparison.Ordinal);
        Assert.Equal(before, _folder.State());
    }
}
