using System.Text;
using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa.Tensors;

/// <summary>NumPy files: what is written is read back, and no file, however damaged, gives anything but a diagnostic.</summary>
public class NpyFileTests
{
    [Property(MaxTest = 200)]
    public void What_is_written_is_read(byte typeChoice, byte[] dimensions, int seed)
    {
        ElementType[] types = [.. ElementTypes.All.Where(t => t is not (ElementType.BF16 or ElementType.F8E4M3 or ElementType.F8E5M2 or > ElementType.Bool))];
        ElementType type = types[typeChoice % types.Length];
        long[] shape = [.. dimensions.Take(4).Select(d => (long)(d % 5))];
        var data = new byte[shape.Aggregate(1L, (p, d) => p * d) * type.Size()];
        new Random(seed).NextBytes(data);
        if (type == ElementType.Bool)
        {
            data = [.. data.Select(b => (byte)(b & 1))];
        }
        using var stream = new MemoryStream();
        NpyFile.Write(stream, new Tensor(type, shape, data));
        stream.Position = 0;
        Tensor read = NpyFile.Read(stream, "test");
        Assert.Equal(type, read.Type);
        Assert.Equal(shape, read.Shape.ToArray());
        Assert.True(read.Data.Span.SequenceEqual(data));
    }

    [Fact]
    public void The_header_is_the_one_NumPy_writes()
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, Tensor.From(ElementType.I64, [2, 3], (ReadOnlySpan<long>)[1, 2, 3, 4, 5, 6]));
        string expected = "\u0093NUMPY\u0001\0v\0{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }".PadRight(127) + "\n";
        Assert.Equal(expected, Encoding.Latin1.GetString(stream.ToArray()[..128]));
    }

    /// <summary>The adder's cases were written by NumPy.</summary>
    [Fact]
    public void Files_of_NumPy_are_rewritten_byte_for_byte()
    {
        string[] files = Directory.GetFiles(TestData.AdderFolder, "*.npy", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            using var stream = new MemoryStream();
            NpyFile.Write(stream, NpyFile.Read(file));
            Assert.Equal(System.IO.File.ReadAllBytes(file), stream.ToArray());
        }
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F8E4M3)]
    [InlineData(ElementType.F8E5M2)]
    public void Formats_unknown_to_NumPy_are_written_as_f32(ElementType type)
    {
        var codes = new byte[10_000 * type.Size()];
        new Random(4).NextBytes(codes);
        var expected = new float[10_000];
        NumericFormat.WidenToF32(type, codes, expected);
        using var stream = new MemoryStream();
        NpyFile.Write(stream, new Tensor(type, [100, 100], codes));
        stream.Position = 0;
        Tensor read = NpyFile.Read(stream, "test");
        Assert.Equal(ElementType.F32, read.Type);
        Assert.Equal(expected, read.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Fortran_order_is_transposed()
    {
        Tensor read = Read(File("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3)}", 12, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0));
        Assert.Equal<short>([0, 2, 4, 1, 3, 5], read.AsSpan<short>().ToArray());
    }

    [Fact]
    public void Headers_of_all_versions_and_spellings_are_read()
    {
        Assert.Equal(0, Read(File("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4, 0, 0, 128, 63)).Rank);
        Assert.Equal([1, 2], Read(File("""{"shape":(1,2),"fortran_order":False,"descr":"|u1"}""", 2, 7, 8)).Shape.ToArray());
        Assert.Equal<byte>([0, 1, 1], Read(File("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", 3, 0, 1, 200)).Data.ToArray());
        byte[] second = [.. NpyMagic, 2, 0, 54, 0, 0, 0, .. Encoding.ASCII.GetBytes("{'descr': '<u1', 'fortran_order': False, 'shape': (1,)}"[..^1] + "}"), 9];
        second[8] = (byte)(second.Length - 13);
        Assert.Equal<byte>([9], Read(second).Data.ToArray());
    }

    [Theory]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "big-endian")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "'<c8' is not one of")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "'|O' is not one of")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "a string is expected")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "True or False")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", "',' is expected")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "a dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "a dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}", "larger than 2 GiB")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4, 0)}", "larger than 2 GiB")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483648,)}", "larger than 2 GiB")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "takes 8 bytes, the file holds 4")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", "takes 0 bytes, the file holds 4")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}", "must all be given")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'descr': '<f4'}", "appears twice")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", "unknown")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} 1", "the end is expected")]
    [InlineData("{'descr': '<f4", "a string is expected")]
    [InlineData("{", "a string is expected")]
    [InlineData("", "'{' is expected")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}", "more than 32")]
    public void Hostile_headers_are_refused_with_the_reason(string header, string reason)
    {
        var e = Assert.Throws<DiagnosticException>(() => Read(File(header, 4, 0, 0, 0, 0)));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.Equal(FailureKind.InvalidInput, e.Kind);
    }

    [Fact]
    public void Truncation_and_other_damage_never_gives_another_exception()
    {
        byte[] file = File("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", 16, new byte[16]);
        for (int length = 0; length < file.Length; length++)
        {
            Assert.Throws<DiagnosticException>(() => Read(file[..length]));
        }
        for (int bit = 0; bit < (file.Length - 16) * 8; bit++)
        {
            byte[] damaged = [.. file];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                // A flip may give another valid header, such as 'u' for 'f'.
                Assert.Equal(16, Read(damaged).Data.Length);
            }
            catch (DiagnosticException)
            {
            }
        }
        byte[] endless = [.. NpyMagic, 2, 0, 255, 255, 255, 255];
        Assert.Contains("longer than", Assert.Throws<DiagnosticException>(() => Read(endless)).Message, StringComparison.Ordinal);
        Assert.Contains("not known", Assert.Throws<DiagnosticException>(() => Read([.. NpyMagic, 4, 0, 0, 0])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_a_diagnostic() =>
        Assert.Equal("TCC4001", Assert.Throws<DiagnosticException>(() => NpyFile.Read(Path.Combine(Path.GetTempPath(), "no such file.npy"))).Diagnostics[0].Code);

    [Fact]
    public void Names_become_file_names_and_collisions_are_reported()
    {
        Assert.Equal("model_layers.0_out-1_", TensorNames.ToFileName("model/layers.0:out-1é"));
        Assert.Equal(["a", "b_c"], TensorNames.ToFileNames(["a", "b/c"]));
        var e = Assert.Throws<DiagnosticException>(() => TensorNames.ToFileNames(["a/b", "a:b"]));
        Assert.Contains("a_b.npy", e.Message, StringComparison.Ordinal);
    }

    private static byte[] NpyMagic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    private static byte[] File(string header, int count, params byte[] data)
    {
        Assert.Equal(count, data.Length);
        return [.. NpyMagic, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.Latin1.GetBytes(header), .. data];
    }

    private static Tensor Read(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return NpyFile.Read(stream, "test");
    }
}
