using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;
using Xunit;

namespace TransformerCc.Tests.Isa.BinaryFile;

/// <summary>
/// Damaged and forged files. Damage is always refused. A forgery has right checksums (<see cref="Seal"/> computes them
/// from the documented layout), so that the checks behind them are reached; it may be accepted, but never gives an
/// exception other than a diagnostic.
/// </summary>
public sealed class DamagedFileTests : IDisposable
{
    private const int Entries = 0, Text = 1, Symbols = 2, Debug = 3, Work = 4, Options = 5, Tokenizer = 6, Weights = 7;

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _good;

    public DamagedFileTests()
    {
        ProgramFileWriter.Write(SampleImage.Create(), FilePath);
        _good = File.ReadAllBytes(FilePath);
    }

    private string FilePath => Path.Combine(_folder.FullName, "program.bin");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Truncation_is_refused_at_every_length()
    {
        for (int length = 0; length < _good.Length; length += length < 800 ? 1 : 61)
        {
            Assert.Contains(Refusal(_good[..length]), (string[])["TCC4053"]);
        }
        Assert.Equal("TCC4053", Refusal([.. _good, 0]));
    }

    [Fact]
    public void A_flipped_bit_is_refused_everywhere()
    {
        for (int at = 0; at < _good.Length; at += at < 600 ? 1 : 37)
        {
            byte[] damaged = [.. _good];
            damaged[at] ^= (byte)(1 << (at % 8));
            string code = Refusal(damaged);
            Assert.True(at switch
            {
                < 8 => code == "TCC4051",
                < 12 => code == "TCC4052",
                < 160 => code == "TCC4054",
                < 544 => code == "TCC4055",
                _ => code is "TCC4058" or "TCC4060",
            }, $"byte {at}: {code}");
        }
    }

    [Fact]
    public void Forged_tables_are_refused()
    {
        Assert.Equal("TCC4056", Refusal(Seal(f => f[12] = 5)));
        Assert.Equal("TCC4056", Refusal(Seal(f => f[Entry(Text)] = 9)));
        Assert.Equal("TCC4056", Refusal(Seal(f => f[Entry(Text)] = 1)));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Symbols) + 8, Offset(f, Text)))));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Entries) + 8, 0))));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Options) + 8, Offset(f, Options) + 64))));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Options) + 8, Offset(f, Options) + 1))));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Weights) + 16, 960))));
        Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Weights) + 16, 1000))));
        foreach (long wild in (long[])[-1, long.MinValue, long.MaxValue, 1 << 20])
        {
            Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Debug) + 8, wild))));
            Assert.Equal("TCC4057", Refusal(Seal(f => Put(f, Entry(Weights) + 16, wild))));
        }
    }

    [Fact]
    public void Forged_contents_are_refused_each_for_its_reason()
    {
        Assert.Equal("TCC4063", Refusal(Seal(f => f[56] = 0xFF)));
        Assert.Equal("TCC4070", Refusal(Seal(f => f.AsSpan(56, 64).Clear())));
        Assert.Equal("TCC4065", Refusal(Seal(f => f[(int)Offset(f, Text)] = 0xFF)));
        Assert.Equal("TCC4062", Refusal(Seal(f => Put(f, (int)Offset(f, Entries), 65))));
        Assert.Equal("TCC4061", Refusal(Seal(f => Put(f, (int)Offset(f, Entries), 64))));
        Assert.Equal("TCC4062", Refusal(Seal(f => f.AsSpan((int)Offset(f, Debug), 4).Fill(0xFF))));
        Assert.Equal("TCC4061", Refusal(Seal(f => f[(int)Offset(f, Options)] = 1)));
        Assert.Equal("TCC4061", Refusal(Seal(f => f[(int)Offset(f, Work)] = 1)));
        Assert.Equal("TCC4062", Refusal(Seal(f => f.AsSpan((int)Offset(f, Work), 4).Fill(0xFF))));
        Assert.Equal("TCC4061", Refusal(Seal(f => f[Find(f, "/MatMul\u0001") + 7] = 9)));
        Assert.Equal("TCC4064", Refusal(Seal(f => f[Find(f, "4096*batch") + 4] = (byte)'$')));
        Assert.Equal("TCC4063", Refusal(Seal(f => f[Find(f, "model.onnx")] = 0xC0)));
        Assert.Equal("TCC4064", Refusal(Seal(f => f[Find(f, "1 + 2*length", "2*length + 1")] = (byte)'*')));
        Assert.Equal("TCC4068", Refusal(Seal(f => f[Find(f, "batch")] = (byte)'c')));
        Assert.Equal("TCC4067", Refusal(Seal(f => "spills"u8.CopyTo(f.AsSpan(Find(f, "tokens"))))));
        Assert.Equal("TCC4066", Refusal(Seal(f => f[(int)Offset(f, Symbols)] = 3)));
        Assert.Equal("TCC4063", Refusal(Seal(f => f[Find(f, "\u2581sample")] = 0xFF)));
        Assert.Equal("TCC4061", Refusal(Seal(f => f[(int)Offset(f, Tokenizer)] = 0xFF)));
        Assert.Equal("TCC4062", Refusal(Seal(f => f[(int)Offset(f, Tokenizer) + 3] = 0xFF)));
        Assert.Equal("TCC4062", Refusal(Seal(f => f.AsSpan(Find(f, "\u2581sample") - 20, 4).Fill(0xFF))));
    }

    [Fact]
    public void Any_sealed_damage_gives_a_diagnostic_or_a_program()
    {
        var random = new Random(5);
        int small = (int)Offset(_good, Weights);
        for (int round = 0; round < 1000; round++)
        {
            byte[] forged = Seal(f =>
            {
                for (int n = random.Next(1, 4); n > 0; n--)
                {
                    // Mostly numbers at the start of sections, where counts and lengths are.
                    int at = random.Next(3) == 0 ? random.Next(704, small) : (int)Offset(f, random.Next(Weights)) + random.Next(48);
                    f[int.Min(at, small - 1)] = random.Next(4) switch { 0 => 0, 1 => 0xFF, 2 => 0x7F, _ => (byte)random.Next(256) };
                }
            });
            File.WriteAllBytes(FilePath, forged);
            try
            {
                ProgramFile.Open(FilePath).Dispose();
            }
            catch (DiagnosticException e)
            {
                Assert.NotEmpty(e.Diagnostics);
            }
        }
    }

    private string Refusal(byte[] bytes)
    {
        File.WriteAllBytes(FilePath, bytes);
        return Assert.Throws<DiagnosticException>(() => ProgramFile.Open(FilePath, ChipDescriptions.Load("tx1")).Dispose()).Diagnostics[0].Code;
    }

    /// <summary>Changes the file, then makes every checksum right again.</summary>
    private byte[] Seal(params Action<byte[]>[] changes)
    {
        byte[] file = [.. _good];
        foreach (Action<byte[]> change in changes)
        {
            change(file);
        }
        for (int section = 0; section <= Weights; section++)
        {
            long offset = Offset(file, section), length = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(Entry(section) + 16));
            if (offset >= 0 && length >= 0 && offset <= file.Length && length <= file.Length - offset)
            {
                XxHash128.Hash(file.AsSpan((int)offset, (int)length), file.AsSpan(Entry(section) + 32, 16));
            }
        }
        XxHash128.Hash(file.AsSpan(160, 8 * 48), file.AsSpan(128));
        XxHash128.Hash(file.AsSpan(0, 144), file.AsSpan(144));
        return file;
    }

    private static int Entry(int section) => 160 + (48 * section);

    private static long Offset(byte[] file, int section) => BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(Entry(section) + 8));

    private static void Put(byte[] file, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(at), value);

    private static int Find(byte[] file, params string[] texts) =>
        texts.Select(t => file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(t))).First(at => at >= 0);
}
