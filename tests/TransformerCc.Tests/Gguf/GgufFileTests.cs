using System.Buffers.Binary;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>What is written is read; what no reader can trust is refused, with the byte at which it stands.</summary>
public sealed class GgufFileTests : IDisposable
{
    private static readonly string[] s_integers = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Save(byte[] bytes, string name = "model.gguf")
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private GgufFile Open(byte[] bytes) => GgufFile.Open(Save(bytes));

    private static GgufWriter Small(int version = 3, int alignment = 32) => new GgufWriter(version, alignment)
        .Add("general.architecture", "llama")
        .AddTensor("a", [2, 3], [1, 2, 3, 4, 5, 6])
        .AddTensor("b", GgufTensorType.Of("q8_0")!, [2, 64], new byte[2 * 2 * 34]);

    [Theory]
    [InlineData(1, 32)]
    [InlineData(2, 32)]
    [InlineData(3, 32)]
    [InlineData(3, 4096)]
    public void Values_of_every_type_and_tensors_come_back(int version, int alignment)
    {
        GgufWriter writer = Small(version, alignment)
            .Add("u8", (byte)200).Add("i8", (sbyte)-3).Add("u16", (ushort)60_000).Add("i16", (short)-300).Add("u32", 4_000_000_000u).Add("i32", -5)
            .Add("u64", 1UL << 40).Add("i64", -(1L << 40)).Add("f32", 0.5f).Add("f64", 0.1).Add("yes", true).Add("text", "größer")
            .Add<int>("numbers", [3, -4]).Add<float>("floats", [1.5f]).Add<bool>("flags", [true, false]).Add("texts", ["a", "", "ß"])
            .Add<byte>("empty", []);
        GgufFile file = Open(writer.ToBytes());

        Assert.Equal(version, file.Version);
        long?[] integers = [.. s_integers.Select(k => file.Metadata[k].Integer)];
        Assert.Equal([200, -3, 60_000, -300, 4_000_000_000, -5, 1L << 40, -(1L << 40)], integers);
        Assert.Equal(0.5, file.Metadata["f32"].Number);
        Assert.Equal(0.1, file.Metadata["f64"].Number);
        Assert.Null(file.Metadata["f64"].Integer);
        Assert.True(file.Metadata["yes"].Flag);
        Assert.Equal("größer", file.Metadata["text"].Text);
        Assert.Equal([3, -4], file.Metadata["numbers"].Array!.Integers()!);
        Assert.Equal([1.5], file.Metadata["floats"].Array!.Numbers()!);
        Assert.Equal([true, false], file.Metadata["flags"].Array!.Flags()!);
        Assert.Equal(["a", "", "ß"], file.Metadata["texts"].Array!.Strings()!);
        Assert.Equal(0, file.Metadata["empty"].Array!.Count);

        Tensor a = file.Tensors["a"].ToTensor(), b = file.Tensors["b"].ToTensor();
        Assert.Equal([2, 3], a.Shape.ToArray());
        Assert.Equal([1, 2, 3, 4, 5, 6], a.AsSpan<float>().ToArray());
        Assert.Equal(ElementType.U8, b.Type);
        Assert.Equal([2, 68], b.Shape.ToArray());
        Assert.Equal("q8_0", file.Tensors["b"].Type.Blocks!.Name);
    }

    [Fact]
    public void A_nested_array_is_passed_over()
    {
        byte[] inner = [.. BitConverter.GetBytes(0), .. BitConverter.GetBytes(2UL), 7, 8];
        byte[] payload = [.. BitConverter.GetBytes((int)GgufValueType.Array), .. BitConverter.GetBytes(2UL), .. inner, .. inner];
        GgufFile file = Open(Small().AddRaw("nested", GgufValueType.Array, payload).Add("behind", 1).ToBytes());
        Assert.Equal("array[2]", file.Metadata["nested"].ToString());
        Assert.Equal(1, file.Metadata["behind"].Integer);
    }

    [Fact]
    public void A_large_file_is_mapped()
    {
        var values = new float[1 << 19];
        values[^1] = 7;
        GgufFile file = Open(new GgufWriter().AddTensor("large", [1 << 19], values).ToBytes());
        Assert.Equal(7, file.Tensors["large"].ToTensor().AsSpan<float>()[^1]);
    }

    [Fact]
    public void Every_cut_of_a_file_is_refused()
    {
        byte[] whole = Small().Add("texts", ["one", "two"]).ToBytes();
        // Behind the last tensor stand 24 bytes of padding that a reader does not miss.
        for (int length = 1; length < whole.Length - 24; length++)
        {
            DiagnosticException e = Assert.Throws<DiagnosticException>(() => Open(whole[..length]));
            Assert.All(e.Diagnostics, d => Assert.Contains(", byte ", d.Location, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Foreign_files_are_named()
    {
        Assert.Contains("not a GGUF model: it is a text that begins 'GGML and more'", Error("GGML and more"u8.ToArray()), StringComparison.Ordinal);
        byte[] big = Small().ToBytes();
        BinaryPrimitives.WriteInt32BigEndian(big.AsSpan(4), 3);
        Assert.Contains("big-endian", Error(big), StringComparison.Ordinal);
        byte[] newer = Small().ToBytes();
        newer[4] = 9;
        Assert.Contains("version 9", Error(newer), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, "tensors")]
    [InlineData(16, "keys")]
    [InlineData(24, "a key would have")]
    public void Absurd_counts_are_refused_at_their_place(int offset, string what)
    {
        byte[] bytes = Small().ToBytes();
        bytes.AsSpan(offset, 7).Fill(0xFF);
        string error = Error(bytes);
        Assert.Contains(what, error, StringComparison.Ordinal);
        Assert.Contains($"byte {offset}", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Absurd_arrays_are_refused()
    {
        byte[] Payload(int type, ulong count) => [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(count)];
        Assert.Contains("cannot hold them", Error(Small().AddRaw("k", GgufValueType.Array, Payload(8, ulong.MaxValue)).ToBytes()), StringComparison.Ordinal);
        Assert.Contains("cannot hold them", Error(Small().AddRaw("k", GgufValueType.Array, Payload(12, 1UL << 61)).ToBytes()), StringComparison.Ordinal);
        Assert.Contains("unknown value type 13", Error(Small().AddRaw("k", GgufValueType.Array, Payload(13, 1)).ToBytes()), StringComparison.Ordinal);
        byte[] deep = [.. Enumerable.Repeat(Payload(9, 1), 20).SelectMany(b => b), .. new byte[64]];
        Assert.Contains("nests arrays", Error(Small().AddRaw("k", GgufValueType.Array, deep).ToBytes()), StringComparison.Ordinal);
    }

    [Fact]
    public void Faulty_keys_are_refused()
    {
        Assert.Contains("appears twice", Error(Small().Add("k", 1).Add("k", 2).ToBytes()), StringComparison.Ordinal);
        Assert.Contains("neither 0 nor 1", Error(Small().AddRaw("k", GgufValueType.Bool, [2]).ToBytes()), StringComparison.Ordinal);
        Assert.Contains("unknown value type 77", Error(Small().AddRaw("k", (GgufValueType)77, [2]).ToBytes()), StringComparison.Ordinal);
        foreach (int alignment in (int[])[0, 3, 4, 48, -32])
        {
            Assert.Contains("power of two", Error(Small().Add("general.alignment", alignment).ToBytes()), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_faulty_tensor_is_reported_with_its_place()
    {
        byte[] bytes = new GgufWriter()
            .AddTensor("twice", [4], new float[4])
            .AddTensor("twice", [4], new float[4])
            .AddTensor("", [4], new float[4])
            .AddTensor("odd", [1, 40], new float[40])
            .AddTensor("unknown", [4], new float[4])
            .AddTensor("zero", [4], new float[4])
            .AddTensor("huge", [4, 4], new float[16])
            .AddTensor("overlap", [4], new float[4])
            .AddTensor("misaligned", [4], new float[4])
            .AddTensor("outside", [4], new float[4]).ToBytes();
        Patch(bytes, "odd", type: 8);
        Patch(bytes, "unknown", type: 4);
        Patch(bytes, "zero", size: 0);
        Patch(bytes, "huge", size: 1L << 61);
        Patch(bytes, "overlap", offset: 0);
        Patch(bytes, "misaligned", offset: 36);
        Patch(bytes, "outside", offset: 1L << 62);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => Open(bytes));
        string[] expected =
        [
            "two tensors are called twice", "a tensor without a name", "odd has rows of 40 elements; q8_0 holds blocks of 32", "unknown has the unknown type 4", "zero has a dimension",
            "huge of shape", "the data of overlap overlap those of twice", "misaligned begins at offset 36", "outside at offset",
        ];
        Assert.All(expected, text => Assert.Contains(e.Diagnostics, d => d.Message.StartsWith(text, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, e.Diagnostics.Count);
        Assert.All(e.Diagnostics, d => Assert.Contains(", byte ", d.Location, StringComparison.Ordinal));
    }

    [Fact]
    public void Parts_of_a_split_model_are_joined_from_any_of_them()
    {
        GgufWriter Part(ushort number, string tensor) => new GgufWriter().Add("split.no", number).Add("split.count", (ushort)2).Add("split.tensors.count", 2)
            .Add("part", (int)number).AddTensor(tensor, [2], [number, 5]);
        string first = Save(Part(0, "a").ToBytes(), "m-00001-of-00002.gguf"), second = Save(Part(1, "b").ToBytes(), "m-00002-of-00002.gguf");
        foreach (string path in (string[])[first, second])
        {
            GgufFile file = GgufFile.Open(path);
            Assert.Equal(["a", "b"], file.Tensors.Keys);
            Assert.Equal(0, file.Metadata["part"].Integer);
            Assert.Equal(1, file.Tensors["b"].ToTensor().AsSpan<float>()[0]);
        }
        Save(Part(1, "a").ToBytes(), "m-00002-of-00002.gguf");
        Assert.Contains("is in two parts", Refusal(first), StringComparison.Ordinal);
        File.Delete(second);
        Assert.Contains("part 2 of 2 is missing", Refusal(first), StringComparison.Ordinal);
        Assert.Contains("is not called", Error(Part(0, "a").ToBytes()), StringComparison.Ordinal);
    }

    /// <summary>Each part may be a link into a cache, and the whole model one more link from elsewhere.</summary>
    [Fact]
    public void Parts_behind_links_are_found()
    {
        using var folder = new LinkedFolder();
        for (ushort i = 0; i < 2; i++)
        {
            byte[] bytes = new GgufWriter().Add("split.no", i).Add("split.count", (ushort)2).AddTensor($"t{i}", [2], [i, 5]).ToBytes();
            folder.File($"blobs/{i}", bytes);
            folder.Link($"snap/m-0000{i + 1}-of-00002.gguf", $"../blobs/{i}");
        }
        folder.Links("here/mine.gguf -> ../snap/m-00002-of-00002.gguf; alias -> snap; here/m-00001-of-00002.gguf -> ../alias/m-00001-of-00002.gguf");
        foreach (string path in (string[])["snap/m-00001-of-00002.gguf", "alias/m-00002-of-00002.gguf", "here/mine.gguf", "here/m-00001-of-00002.gguf"])
        {
            Assert.Equal(["t0", "t1"], GgufFile.Open(folder[path]).Tensors.Keys);
        }
        Assert.Contains("is not called", Refusal(folder["blobs/0"]), StringComparison.Ordinal);
    }

    [Fact]
    public void The_magic_tells_the_format()
    {
        Assert.True(GgufFile.IsGguf(Save(Small().ToBytes())));
        Assert.False(GgufFile.IsGguf(Save([1, 2], "short")));
        Assert.False(GgufFile.IsGguf(Path.Combine(_folder.FullName, "absent")));
    }

    private string Error(byte[] bytes) => Refusal(Save(bytes));

    private static string Refusal(string path) => Assert.Throws<DiagnosticException>(() => GgufFile.Open(path)).Message;

    /// <summary>Changes the first dimension, the type or the offset of the first tensor with a name.</summary>
    private static void Patch(byte[] bytes, string name, int? type = null, long? size = null, long? offset = null)
    {
        byte[] start = [.. BitConverter.GetBytes((ulong)name.Length), .. System.Text.Encoding.ASCII.GetBytes(name)];
        int at = bytes.AsSpan().IndexOf(start) + start.Length, rank = BitConverter.ToInt32(bytes, at);
        BitConverter.TryWriteBytes(bytes.AsSpan(at + 4), size ?? BitConverter.ToInt64(bytes, at + 4));
        int behind = at + 4 + (8 * rank);
        BitConverter.TryWriteBytes(bytes.AsSpan(behind), type ?? BitConverter.ToInt32(bytes, behind));
        BitConverter.TryWriteBytes(bytes.AsSpan(behind + 4), offset ?? BitConverter.ToInt64(bytes, behind + 4));
    }
}
