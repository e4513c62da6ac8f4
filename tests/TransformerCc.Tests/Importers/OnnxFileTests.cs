using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Importers;

/// <summary>Files: weights stay where they are, and damaged or hostile files end in a diagnostic.</summary>
public sealed class OnnxFileTests
{
    [Fact]
    public void Large_initializers_are_views_of_the_file()
    {
        byte[] bytes = new OnnxBuilder().Input("x", 1, 1024).Floats("w", [1024], new float[1024]).Node("Add", "x w", "y").Output("y").Bytes();
        OnnxModelFile file = OnnxModelFile.Parse(bytes, "test.onnx");
        Graph graph = OnnxImporter.Import(file, new ImportOptions(), []);

        Assert.Equal(0, file.Model.Graph.Initializer[0].RawData.Length);
        Value weight = Assert.Single(graph.Nodes).Inputs[1];
        Assert.True(bytes.AsSpan().Overlaps(weight.ConstantData!.Data.Span));
    }

    [Theory]
    [InlineData("../weights.bin")]
    [InlineData("/etc/hostname")]
    [InlineData("a/../../weights.bin")]
    [InlineData("")]
    [InlineData("link.bin")]
    public void External_data_outside_the_folder_is_refused(string location)
    {
        using var folder = new TemporaryFolder();
        string model = External(folder, location, "0", "16");
        File.WriteAllBytes(Path.Combine(folder.FullName, "weights.bin"), new byte[16]);
        File.CreateSymbolicLink(Path.Combine(folder.FullName, "model", "link.bin"), Path.Combine(folder.FullName, "weights.bin"));

        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(model, new ImportOptions(), [])).Diagnostics);
        Assert.Equal(ImportCodes.ExternalData, error.Code);
    }

    [Theory]
    [InlineData("0", "16", true)]
    [InlineData("4", "16", true)]
    [InlineData("5", "16", false)]
    [InlineData("0", "12", false)]
    [InlineData("-1", "16", false)]
    [InlineData("9223372036854775807", "16", false)]
    public void External_data_ranges_are_checked(string offset, string length, bool valid)
    {
        using var folder = new TemporaryFolder();
        string model = External(folder, "data/weights.bin", offset, length);
        Directory.CreateDirectory(Path.Combine(folder.FullName, "model", "data"));
        File.WriteAllBytes(Path.Combine(folder.FullName, "model", "data", "weights.bin"), new byte[20]);

        if (valid)
        {
            Assert.Single(OnnxImporter.Import(model, new ImportOptions(), []).Nodes);
        }
        else
        {
            Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(model, new ImportOptions(), []));
        }
    }

    [Fact]
    public void Truncated_and_damaged_files_end_in_diagnostics()
    {
        byte[] good = File.ReadAllBytes(TestData.AdderModel);
        var random = new Random(1);
        for (int i = 0; i < 150; i++)
        {
            byte[] bad = [.. good];
            if (i % 3 == 0)
            {
                bad = good[..random.Next(good.Length)];
            }
            else
            {
                // Most of the file is weights, where a flipped bit is a different valid model: half of the flips hit nodes.
                int range = i % 2 == 0 ? good.Length : 60_000;
                for (int flips = 0; flips < 3; flips++)
                {
                    bad[random.Next(range)] ^= (byte)(1 << random.Next(8));
                }
            }
            try
            {
                OnnxImporter.Import(OnnxModelFile.Parse(bad, "bad.onnx"), new ImportOptions(), []);
            }
            catch (DiagnosticException e)
            {
                Assert.NotEmpty(e.Diagnostics);
            }
        }
    }

    [Fact]
    public void Garbage_names_the_byte()
    {
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxModelFile.Parse(new byte[] { 0x3a, 0x05, 0x01 }, "bad.onnx")).Diagnostics);

        Assert.Equal(ImportCodes.BadFile, error.Code);
        Assert.Contains("byte 2", error.Location, StringComparison.Ordinal);
    }

    private static string External(TemporaryFolder folder, string location, string offset, string length)
    {
        var builder = new OnnxBuilder().Input("x", 1, 4).Node("Add", "x w", "y").Output("y");
        builder.Model.Graph.Initializer.Add(new TensorProto
        {
            Name = "w",
            DataType = 1,
            Dims = { 4L },
            DataLocation = TensorProto.Types.DataLocation.External,
            ExternalData =
            {
                new StringStringEntryProto { Key = "location", Value = location },
                new StringStringEntryProto { Key = "offset", Value = offset },
                new StringStringEntryProto { Key = "length", Value = length },
            },
        });
        string model = Path.Combine(folder.FullName, "model", "model.onnx");
        Directory.CreateDirectory(Path.GetDirectoryName(model)!);
        File.WriteAllBytes(model, builder.Bytes());
        return model;
    }
}
