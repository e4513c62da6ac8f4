using System.Buffers.Binary;
using System.IO.Hashing;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Tiling;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>
/// Forged binaries, loaded and executed: checksums are right, so that what stands behind them must find what is wrong, at
/// the latest as a trap. A run is cut off after a while; none may read or write outside the machine's memories, which the
/// process would not survive, nor take more memory than its chip has.
/// </summary>
internal sealed class BinaryCampaign : ICampaign
{
    /// <summary>Where header and table have what <see cref="Seal"/> changes: the layout is documented with the format.</summary>
    private const int HeaderHash = 144, TableHash = 128, Table = 160, EntrySize = 48, Sections = 8, TextSection = 1, InstructionBytes = 64;

    private const int MostElements = 1 << 16, MostPerDimension = 5;

    private static readonly TimeSpan s_cutOff = TimeSpan.FromMilliseconds(100);

    private static readonly ulong[] s_numbers = [0, 1, 2, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 65_535, 1 << 16, 1 << 20, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 47, 1UL << 48, long.MaxValue, 1UL << 63, ulong.MaxValue];

    private static readonly ChipDescription s_chip = TestChips.Tiny with { Name = "forge", Memory = TestChips.Tiny.Memory with { DramBytes = 1 << 20, AspBytes = 32 << 10, AccBytes = 32 << 10, WspBytes = 64 << 10 } };

    private static readonly Lazy<IReadOnlyList<byte[]>> s_seeds = new(Seeds);

    private readonly TemporaryFolder _folder = new();

    /// <summary>Made before the first trial, whose time it would take.</summary>
    private readonly IReadOnlyList<byte[]> _seeds = s_seeds.Value;
    private int _trapped, _cut;

    public int Reached { get; private set; }

    public string Figures => FormattableString.Invariant($"{_trapped} runs ended in traps, {_cut} were cut off");

    public string? Problem(ulong seed)
    {
        var random = new CampaignRandom(seed);
        string path = Path.Combine(_folder.FullName, "program.bin");
        File.WriteAllBytes(path, Forge(random.Pick(_seeds), random));
        try
        {
            using LoadedProgram program = LoadedProgram.Open(path, s_chip);
            Reached++;
            Run(program, random);
            return null;
        }
        catch (DiagnosticException e)
        {
            return e.Diagnostics.Count == 0 ? "a refusal without a reason" : null;
        }
    }

    public void Dispose() => _folder.Dispose();

    private void Run(LoadedProgram program, CampaignRandom random)
    {
        var sizes = program.Image.Dimensions.ToDictionary(d => d.Name, d => long.Clamp(1 + random.Below(MostPerDimension), d.Lower, d.Upper));
        var inputs = new Dictionary<string, Tensor>();
        foreach (TensorSymbol t in program.Image.Tensors.Where(t => t.Kind == TensorKind.Input && t.Fill is null))
        {
            long[] shape;
            try
            {
                shape = [.. t.Shape.Select(d => d.Evaluate(sizes))];
            }
            catch (ArithmeticException)
            {
                return; // no tensor has such a shape
            }
            if (shape.Any(d => d is < 0 or > MostElements) || shape.Aggregate(1L, (a, b) => a * b) > MostElements)
            {
                return;
            }
            inputs[t.Name] = new Tensor(t.Type, shape, new byte[shape.Aggregate(1L, (a, b) => a * b) * t.Type.Size()]);
        }
        using var cut = new CancellationTokenSource(s_cutOff);
        try
        {
            new Session(program).Run(inputs, new RunOptions { Set = sizes, Check = random.OneIn(2), Cancellation = cut.Token });
        }
        catch (TrapException)
        {
            _trapped++;
        }
        catch (OperationCanceledException)
        {
            _cut++;
        }
    }

    /// <summary>Instructions change, or numbers of any section, or bytes of the whole file without new checksums.</summary>
    private static byte[] Forge(byte[] good, CampaignRandom random)
    {
        byte[] file = [.. good];
        switch (random.Below(12))
        {
            case 0:
                return ByteMutator.Mutate(file, random);
            case 1: // header and table
                file[random.Below(Table + (Sections * EntrySize))] = (byte)random.Next();
                break;
            case 2 or 3: // names, bounds, shapes, counts
                (int at, int length) = Section(file, random.Below(Sections - 1));
                if (length > 0)
                {
                    Damage(file.AsSpan(at, length), random);
                }
                break;
            default:
                (int text, int bytes) = Section(file, TextSection);
                for (int changes = 1 + random.Below(3); changes > 0; changes--)
                {
                    Span<byte> instruction = file.AsSpan(text + (InstructionBytes * random.Below(bytes / InstructionBytes)), InstructionBytes);
                    if (random.OneIn(4))
                    {
                        file.AsSpan(text + (InstructionBytes * random.Below(bytes / InstructionBytes)), InstructionBytes).CopyTo(instruction);
                    }
                    else
                    {
                        Damage(instruction, random);
                    }
                }
                break;
        }
        Seal(file);
        return file;
    }

    /// <summary>A bit, a byte, or a number of up to eight bytes.</summary>
    private static void Damage(Span<byte> bytes, CampaignRandom random)
    {
        int at = random.Below(bytes.Length);
        switch (random.Below(4))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Below(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next();
                break;
            case 2:
                bytes[at] += (byte)(random.OneIn(2) ? 1 : 255);
                break;
            default:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, random.Pick(s_numbers));
                number[..int.Min(1 << random.Below(4), bytes.Length - at)].CopyTo(bytes[at..]);
                break;
        }
    }

    private static (int Offset, int Length) Section(byte[] file, int section) =>
        ((int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(Table + (section * EntrySize) + 8)), (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(Table + (section * EntrySize) + 16)));

    /// <summary>Makes every checksum right.</summary>
    private static void Seal(byte[] file)
    {
        for (int section = 0; section < Sections; section++)
        {
            int entry = Table + (section * EntrySize);
            long offset = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(entry + 8)), length = BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(entry + 16));
            if (offset >= 0 && length >= 0 && offset <= file.Length && length <= file.Length - offset)
            {
                XxHash128.Hash(file.AsSpan((int)offset, (int)length), file.AsSpan(entry + 32, 16));
            }
        }
        XxHash128.Hash(file.AsSpan(Table, Sections * EntrySize), file.AsSpan(TableHash));
        XxHash128.Hash(file.AsSpan(0, HeaderHash), file.AsSpan(HeaderHash));
    }

    /// <summary>Binaries of graphs that together use the engines: products, attention, look-ups, row operators, caches.</summary>
    private static List<byte[]> Seeds()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "seed.bin");
        var seeds = new List<byte[]>();
        foreach (string name in new[] { "linear", "gated_ffn", "layer_norm", "causal", "rope", "embedding", "indices", "broadcasts", "movement" })
        {
            ProgramFile.Write(path, CompiledGraph.Binary(SmallGraphs.Named(name).Parse(), s_chip, Precision.BF16));
            seeds.Add(File.ReadAllBytes(path));
        }
        return seeds;
    }
}
