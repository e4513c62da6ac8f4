using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>Reads a mapped binary from the outside in: header, table, sections, contents. Nothing is used before it is checked.</summary>
internal sealed class ProgramFileReader(MappedFile file, string path, long length)
{
    /// <summary>Bytes hashed at a time: a span holds at most 2 GiB, a section may have more.</summary>
    private const int HashBytes = 1 << 24;

    private readonly Dictionary<SectionKind, FileSection> _sections = [];

    public IReadOnlyList<FileSection> Sections => [.. FileLayout.Kinds.Select(k => _sections[k])];

    public ProgramImage Read(ChipDescription? chip)
    {
        (string chipName, string fingerprint) = ReadHeader();
        if (chip is not null && ChipDescriptions.Fingerprint(chip) != fingerprint)
        {
            throw Refuse(FileCodes.WrongChip, $"the program was made for the chip {chipName} ({fingerprint[..12]}), not for {chip.Name} ({ChipDescriptions.Fingerprint(chip)[..12]})", FileLayout.FingerprintAt,
                "compile the model for this chip, or name the other one with --chip");
        }
        ReadTable();
        SectionReader symbolReader = Reader(SectionKind.Symbols), debugReader = Reader(SectionKind.Debug), workReader = Reader(SectionKind.Work), optionReader = Reader(SectionKind.Options), tokenizerReader = Reader(SectionKind.Tokenizer);
        (int parameters, ImmutableArray<DimensionSymbol> dimensions, ImmutableArray<TensorSymbol> tensors) = ImageSections.ReadSymbols(ref symbolReader);
        var image = new ProgramImage
        {
            ChipName = chipName,
            ChipFingerprint = fingerprint,
            EntryPoints = ReadEntryPoints(),
            ParameterCount = parameters,
            Dimensions = dimensions,
            Tensors = tensors,
            Weights = new MappedWeightSection(file, _sections[SectionKind.Weights].Offset, _sections[SectionKind.Weights].Length),
            Debug = ImageSections.ReadDebug(ref debugReader),
            Work = ImageSections.ReadWork(ref workReader),
            Options = ImageSections.ReadOptions(ref optionReader),
            Tokenizer = TokenizerSection.Read(ref tokenizerReader),
        };
        DiagnosticList violations = ImageRules.Check(image, path);
        return violations.HasErrors ? throw new DiagnosticException(violations) : image;
    }

    private (string ChipName, string Fingerprint) ReadHeader()
    {
        ReadOnlySpan<byte> start = file.Slice(0, (int)long.Min(length, FileLayout.HeaderSize));
        if (!start.StartsWith(FileLayout.Magic[..int.Min(start.Length, FileLayout.Magic.Length)]))
        {
            throw Refuse(FileCodes.Magic, "not a TX1 binary: it does not begin with its magic bytes", 0);
        }
        if (start.Length < FileLayout.HeaderSize)
        {
            throw Refuse(FileCodes.Truncated, "the file ends inside the header", length);
        }
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(start[FileLayout.VersionAt..]);
        if (version != FileLayout.Version)
        {
            throw Refuse(FileCodes.Version, $"version {version} of the binary format, only version {FileLayout.Version} is known", FileLayout.VersionAt, "compile the model again with this version of tcc");
        }
        if (!HashMatches(0, FileLayout.HeaderHashAt, start.Slice(FileLayout.HeaderHashAt, FileLayout.HashSize)))
        {
            throw Refuse(FileCodes.HeaderDamaged, "the header does not match its checksum", 0);
        }
        long announced = BinaryPrimitives.ReadInt64LittleEndian(start[FileLayout.FileLengthAt..]);
        if (announced != length)
        {
            throw Refuse(FileCodes.Truncated, $"the header announces {announced} bytes, the file has {length}", length, "copy the file again");
        }
        return (ReadChipName(start.Slice(FileLayout.ChipNameAt, FileLayout.ChipNameSize)), Convert.ToHexStringLower(start.Slice(FileLayout.FingerprintAt, FileLayout.FingerprintSize)));
    }

    private string ReadChipName(ReadOnlySpan<byte> field)
    {
        string name = Encoding.UTF8.GetString(field.TrimEnd((byte)0));
        return name.Contains('\uFFFD', StringComparison.Ordinal) ? throw Refuse(FileCodes.Text, "the chip's name is not UTF-8", FileLayout.ChipNameAt) : name;
    }

    private void ReadTable()
    {
        ReadOnlySpan<byte> header = file.Slice(0, FileLayout.HeaderSize);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(header[FileLayout.SectionCountAt..]);
        if (count != FileLayout.Kinds.Count)
        {
            throw Refuse(FileCodes.SectionKind, $"{count} sections, a file of this version has {FileLayout.Kinds.Count}", FileLayout.SectionCountAt);
        }
        if (length < FileLayout.HeaderSize + FileLayout.TableSize)
        {
            throw Refuse(FileCodes.Truncated, "the file ends inside the section table", length);
        }
        if (!HashMatches(FileLayout.HeaderSize, FileLayout.TableSize, header.Slice(FileLayout.TableHashAt, FileLayout.HashSize)))
        {
            throw Refuse(FileCodes.TableDamaged, "the section table does not match its checksum", FileLayout.HeaderSize);
        }
        long end = FileLayout.HeaderSize + FileLayout.TableSize;
        for (int i = 0; i < FileLayout.Kinds.Count; i++)
        {
            int at = FileLayout.HeaderSize + (i * FileLayout.EntrySize);
            ReadOnlySpan<byte> entry = file.Slice(at, FileLayout.EntrySize);
            FileSection section = ReadEntry(entry, FileLayout.Kinds[i], at, end);
            CheckPadding(end, section.Offset);
            if (!HashMatches(section.Offset, section.Length, entry[FileLayout.EntryHashAt..]))
            {
                throw Refuse(FileCodes.SectionDamaged, $"the {section.Name} section does not match its checksum", section.Offset, "copy the file again, or compile the model again");
            }
            _sections.Add(section.Kind, section);
            end = section.Offset + section.Length;
        }
        if (end != length)
        {
            throw Refuse(FileCodes.SectionPlace, $"{length - end} bytes follow the last section", end);
        }
    }

    private FileSection ReadEntry(ReadOnlySpan<byte> entry, SectionKind expected, int at, long previousEnd)
    {
        uint kind = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        if (kind != (uint)expected)
        {
            throw Refuse(FileCodes.SectionKind, Enum.IsDefined((SectionKind)kind) ? $"section kind {kind} stands where kind {(int)expected} belongs" : $"section kind {kind} is not known", at);
        }
        var section = new FileSection(expected, BinaryPrimitives.ReadInt64LittleEndian(entry[FileLayout.EntryOffsetAt..]), BinaryPrimitives.ReadInt64LittleEndian(entry[FileLayout.EntryLengthAt..]));
        string? reason =
            section.Offset < 0 || section.Length < 0 || section.Offset > length || section.Length > length - section.Offset ? "lies outside the file"
            : section.Offset < previousEnd ? "overlaps what precedes it"
            : section.Offset % FileLayout.Alignment(expected) != 0 ? $"is not aligned to {FileLayout.Alignment(expected)} bytes"
            : section.Offset - previousEnd >= FileLayout.Alignment(expected) ? "leaves a gap before it"
            : expected is SectionKind.Text or SectionKind.Weights && section.Length % FileLayout.SectionAlignment != 0 ? $"is not a multiple of {FileLayout.SectionAlignment} bytes long"
            : expected != SectionKind.Weights && section.Length > FileLimits.TextBytes ? $"is longer than {FileLimits.TextBytes} bytes"
            : null;
        return reason is null ? section : throw Refuse(FileCodes.SectionPlace, $"the {section.Name} section (offset {section.Offset}, {section.Length} bytes) {reason}", at);
    }

    private void CheckPadding(long from, long to)
    {
        if (file.Slice(from, (int)(to - from)).ContainsAnyExcept((byte)0))
        {
            throw Refuse(FileCodes.Padding, "bytes between two sections are not zero", from);
        }
    }

    private ImmutableArray<EntryPoint> ReadEntryPoints()
    {
        SectionReader reader = Reader(SectionKind.Entries);
        (string Name, int Instructions, EntryLimit[] Limits)[] entries = ImageSections.ReadEntries(ref reader);
        FileSection text = _sections[SectionKind.Text];
        if (entries.Sum(e => (long)e.Instructions) * Instruction.Size != text.Length)
        {
            throw Refuse(FileCodes.Malformed, $"the entry points have {entries.Sum(e => (long)e.Instructions)} instructions, the text section has {text.Length / Instruction.Size}", text.Offset);
        }
        var result = ImmutableArray.CreateBuilder<EntryPoint>(entries.Length);
        long at = text.Offset;
        foreach ((string name, int count, EntryLimit[] limits) in entries)
        {
            result.Add(new EntryPoint(name, Decode(at, name, count)) { Limits = [.. limits] });
            at += (long)count * Instruction.Size;
        }
        return result.ToImmutable();
    }

    /// <summary>All illegal instructions of an entry point, at most the first ten.</summary>
    private ImmutableArray<Instruction> Decode(long offset, string name, int count)
    {
        var instructions = ImmutableArray.CreateBuilder<Instruction>(count);
        var diagnostics = new DiagnosticList();
        for (int i = 0; i < count && diagnostics.Count < 10; i++)
        {
            long at = offset + ((long)i * Instruction.Size);
            if (InstructionDecoder.TryDecode(file.Slice(at, Instruction.Size), out Instruction? instruction, out string? error))
            {
                instructions.Add(instruction);
            }
            else
            {
                diagnostics.Add(Diagnostic.Error(FileCodes.Instruction, error, string.Create(CultureInfo.InvariantCulture, $"{path}, entry point {name}, instruction {i}, byte {at}")));
            }
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : instructions.ToImmutable();
    }

    private SectionReader Reader(SectionKind kind)
    {
        FileSection section = _sections[kind];
        return new SectionReader(file.Slice(section.Offset, (int)section.Length), section.Name, path, section.Offset);
    }

    private bool HashMatches(long offset, long count, ReadOnlySpan<byte> expected)
    {
        var hash = new XxHash128();
        for (long at = 0; at < count; at += HashBytes)
        {
            hash.Append(file.Slice(offset + at, (int)long.Min(HashBytes, count - at)));
        }
        return hash.GetCurrentHash().AsSpan().SequenceEqual(expected);
    }

    private DiagnosticException Refuse(string code, string message, long offset, string? help = null) =>
        new(Diagnostic.Error(code, message, string.Create(CultureInfo.InvariantCulture, $"{path}, byte {offset}"), help));
}
