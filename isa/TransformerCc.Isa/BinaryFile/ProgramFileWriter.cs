using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.InstructionEncoding;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>
/// Writes the binary. The bytes depend on the image alone. Weights are streamed through the checksum into the file, which
/// appears whole or not at all.
/// </summary>
public static class ProgramFileWriter
{
    /// <param name="condition">Called when all bytes are written; the file does not appear if it throws.</param>
    /// <exception cref="DiagnosticException">TCC4002: the file cannot be written; TCC406x: the image breaks a rule of the format.</exception>
    public static void Write(ProgramImage image, string path, Action? condition = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        DiagnosticList violations = ImageRules.Check(image, path);
        if (violations.HasErrors)
        {
            throw new DiagnosticException(violations);
        }
        AtomicFile.Write(path, stream =>
        {
            Write(image, stream);
            condition?.Invoke();
        });
    }

    private static void Write(ProgramImage image, Stream stream)
    {
        var table = new byte[FileLayout.TableSize];
        stream.Write(new byte[FileLayout.HeaderSize + FileLayout.TableSize]);
        for (int i = 0; i < FileLayout.Kinds.Count; i++)
        {
            SectionKind kind = FileLayout.Kinds[i];
            Align(stream, FileLayout.Alignment(kind));
            long offset = stream.Position;
            using var section = new HashingStream(stream);
            WriteSection(image, kind, section);
            Span<byte> entry = table.AsSpan(i * FileLayout.EntrySize, FileLayout.EntrySize);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)kind);
            BinaryPrimitives.WriteInt64LittleEndian(entry[FileLayout.EntryOffsetAt..], offset);
            BinaryPrimitives.WriteInt64LittleEndian(entry[FileLayout.EntryLengthAt..], section.Length);
            section.Hash().CopyTo(entry[FileLayout.EntryHashAt..]);
        }
        byte[] header = Header(image, table, stream.Length);
        stream.Position = 0;
        stream.Write(header);
        stream.Write(table);
    }

    private static void WriteSection(ProgramImage image, SectionKind kind, HashingStream section)
    {
        var small = new SectionWriter();
        switch (kind)
        {
            case SectionKind.Entries: ImageSections.WriteEntries(small, image.EntryPoints); break;
            case SectionKind.Symbols: ImageSections.WriteSymbols(small, image); break;
            case SectionKind.Debug: ImageSections.WriteDebug(small, image.Debug); break;
            case SectionKind.Work: ImageSections.WriteWork(small, image.Work); break;
            case SectionKind.Options: ImageSections.WriteOptions(small, image.Options); break;
            case SectionKind.Tokenizer: TokenizerSection.Write(small, image.Tokenizer); break;
            case SectionKind.Text:
                foreach (EntryPoint e in image.EntryPoints)
                {
                    section.Write(InstructionEncoder.EncodeAll(e.Instructions));
                }
                break;
            case SectionKind.Weights:
                image.Weights.WriteTo(section);
                if (section.Length != image.Weights.Length)
                {
                    throw new InvalidOperationException($"the weight section announced {image.Weights.Length} bytes and wrote {section.Length}");
                }
                break;
        }
        section.Write(small.Bytes);
    }

    private static byte[] Header(ProgramImage image, ReadOnlySpan<byte> table, long fileLength)
    {
        var header = new byte[FileLayout.HeaderSize];
        FileLayout.Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(FileLayout.VersionAt), FileLayout.Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(FileLayout.SectionCountAt), FileLayout.Kinds.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(FileLayout.FileLengthAt), fileLength);
        Convert.FromHexString(image.ChipFingerprint).CopyTo(header, FileLayout.FingerprintAt);
        Encoding.UTF8.GetBytes(image.ChipName, header.AsSpan(FileLayout.ChipNameAt, FileLayout.ChipNameSize));
        XxHash128.Hash(table, header.AsSpan(FileLayout.TableHashAt));
        XxHash128.Hash(header.AsSpan(0, FileLayout.HeaderHashAt), header.AsSpan(FileLayout.HeaderHashAt));
        return header;
    }

    private static void Align(Stream stream, int alignment)
    {
        long padding = (alignment - (stream.Position % alignment)) % alignment;
        stream.Write(new byte[padding]);
    }
}
