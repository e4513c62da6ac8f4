using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Tool;

namespace TransformerCc.Tests.Importers;

/// <summary>A model may name the data beside it, through whatever links; it may not make its reader open anything else.</summary>
public sealed class ExternalDataPathTests : IDisposable
{
    private readonly LinkedFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("m/model.onnx", "data", "m/data", "", "", "the data beside the model")]
    [InlineData("m/model.onnx", "./w/data", "m/w/data", "", "", "the data in a folder below")]
    [InlineData("hub/snapshots/r/onnx/model.onnx", "model.onnx_data", "hub/blobs/bbbb2222", "hub/blobs/aaaa1111", "hub/snapshots/r/onnx/model.onnx_data -> ../../../blobs/bbbb2222", "a cache: both are links into one folder")]
    [InlineData("m/model.onnx", "data", "hub/blobs/bbbb2222", "", "m/data -> ../hub/blobs/bbbb2222; hub/snapshots/r/data -> ../../blobs/bbbb2222", "the data alone is a link into a cache")]
    [InlineData("alias/model.onnx", "data", "m/data", "m/model.onnx", "", "the folder of the model is a link", "alias -> m")]
    [InlineData("m/model.onnx", "data", "m/sub/real", "", "m/data -> sub/real", "a link to below the folder")]
    [InlineData("m/model.onnx", "data", "m/sub/real", "", "m/data -> ROOT/m/sub/real", "an absolute link to below the folder")]
    [InlineData("m/model.onnx", "data", "m/sub/real", "", "m/data -> a; m/a -> ../m/b; m/b -> sub/real", "a chain of links")]
    [InlineData("m/model.onnx", "w/data", "m/weights/data", "", "m/w -> weights", "a link of a folder")]
    [InlineData("m/model.onnx", "data", "store/sub/data", "store/model.onnx", "m/data -> ../store/sub/data", "below the folder of the model file")]
    [InlineData("m/model.onnx", "data", "m/data", "store/model.onnx", "", "the data where the model was named, the model a link")]
    [InlineData("m/model.onnx", "data", "store/data", "store/model.onnx", "", "the data beside the model file, no link beside the model's")]
    public void Data_inside_are_read(string model, string location, string data, string modelFile, string links, string why, string folders = "")
    {
        Assert.NotEmpty(why);
        Write(modelFile.Length > 0 ? modelFile : model, location);
        _folder.File(data, MemoryOf(1, 2, 3, 4));
        _folder.Links(folders);
        if (modelFile.Length > 0 && !System.IO.Path.Exists(_folder[model]))
        {
            _folder.Link(model, _folder[modelFile]);
        }
        _folder.Links(links);

        Node node = Assert.Single(OnnxImporter.Import(_folder[model], new ImportOptions(), []).Nodes);
        Assert.Equal([1, 2, 3, 4], node.Inputs.Single(v => v.IsConstant).ConstantData!.AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData("data", "m/data -> ../secret", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ROOT/secret", "leads out of the model's folder")]
    [InlineData("data", "m/data -> a; m/a -> b; m/b -> ../secret", "leads out of the model's folder")]
    [InlineData("w/secret", "m/w -> ..", "leads out of the model's folder")]
    [InlineData("a/b/secret", "m/a/b -> ../..", "leads out of the model's folder")]
    [InlineData("w/data", "m/w -> ROOT; data -> secret", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../m2/secret", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../other/blobs/bbbb2222", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../hub/blobs/secret", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../hub/blobs/bbb", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../hub/bbbb2222", "leads out of the model's folder")]
    [InlineData("data", "m/data -> ../hub/blobs/deep/bbbb2222", "leads out of the model's folder")]
    [InlineData("data", "m/data -> a; m/a -> data", "cannot follow")]
    [InlineData("data", "m/data -> data", "cannot follow")]
    [InlineData("w/data", "m/w -> w", "cannot follow")]
    [InlineData("data", "m/data -> gone", "is missing")]
    [InlineData("data", "", "is missing")]
    [InlineData("sub", "m/sub/x -> ../model.onnx", "is that of a folder")]
    [InlineData(".", "", "is that of a folder")]
    [InlineData("w/../../secret", "m/w -> .", "is not inside the model's folder")]
    [InlineData("/secret", "", "is not inside the model's folder")]
    [InlineData("..\\secret", "", "is not inside the model's folder")]
    [InlineData("C:\\secret", "", "is not inside the model's folder")]
    [InlineData("a\0b", "", "is not inside the model's folder")]
    public void Data_outside_are_refused(string location, string links, string reason)
    {
        foreach (string secret in (string[])["secret", "m2/secret", "other/blobs/bbbb2222", "hub/blobs/secret", "hub/blobs/bbb", "hub/bbbb2222", "hub/blobs/deep/bbbb2222", "hub/snapshots/x"])
        {
            _folder.File(secret, new byte[16]);
        }
        string model = Write("m/model.onnx", location);
        _folder.Links(links);
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(model, new ImportOptions(), [])).Diagnostics);
        Assert.Equal(ImportCodes.ExternalData, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A missing file is told once, not once for each of the thousand tensors in it.</summary>
    [Fact]
    public void One_missing_file_is_one_error()
    {
        string model = Write("m/model.onnx", "data", tensors: 3);
        Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(model, new ImportOptions(), [])).Diagnostics);
    }

    /// <summary>A clone without its large files: the model is there, its data are pointers.</summary>
    [Fact]
    public void Data_that_are_a_pointer_are_told_as_such()
    {
        string model = Write("m/model.onnx", "data", offset: 4096);
        _folder.File("m/data", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234567890\n"u8);
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(model, new ImportOptions(), [])).Diagnostics);
        Assert.Equal("not the data of the model: it is a Git LFS pointer to a file of 1.2 GB", error.Message);
        Assert.Contains("git lfs pull", error.Help, StringComparison.Ordinal);
    }

    /// <summary>The case has its links as texts, since not every copy keeps links: here they are links again.</summary>
    [DataFact("field/10-hf-cache-symlinks")]
    public void The_layouts_of_a_cache_verify()
    {
        string root = TestData.Get("field/10-hf-cache-symlinks");
        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(root, file).Replace('\\', '/');
            byte[] bytes = File.ReadAllBytes(file);
            string text = System.Text.Encoding.Latin1.GetString(bytes);
            if (text.StartsWith("../", StringComparison.Ordinal))
            {
                _folder.Link(path, text.Trim());
            }
            else
            {
                _folder.File(path, bytes);
            }
        }
        foreach (string model in (string[])["hub/snapshots/0a1b2c/onnx/model.onnx", "data-link/model.onnx", "plain/model.onnx"])
        {
            ToolRun.Good("verify", _folder[model], "--cases", _folder.FullName, "--precision", "f32");
        }
        ToolRun missing = ToolRun.Of("verify", _folder["missing/model_q4.onnx"], "--cases", _folder.FullName);
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains("is missing", missing.Error, StringComparison.Ordinal);
    }

    private static ReadOnlySpan<byte> MemoryOf(params ReadOnlySpan<float> values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray();

    /// <summary>x + w0 + w1 + ..., all w the same bytes of one file.</summary>
    private string Write(string path, string location, long offset = 0, int tensors = 1)
    {
        OnnxBuilder builder = new OnnxBuilder().Input("y0", 1, 4).Output($"y{tensors}");
        for (int i = 0; i < tensors; i++)
        {
            builder.Node("Add", $"y{i} w{i}", $"y{i + 1}").Model.Graph.Initializer.Add(new TensorProto
            {
                Name = $"w{i}",
                DataType = 1,
                Dims = { 4L },
                DataLocation = TensorProto.Types.DataLocation.External,
                ExternalData =
                {
                    new StringStringEntryProto { Key = "location", Value = location },
                    new StringStringEntryProto { Key = "offset", Value = offset.ToString(System.Globalization.CultureInfo.InvariantCulture) },
                },
            });
        }
        return _folder.File(path, builder.Bytes());
    }
}
