using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Files;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>An open binary: the image read and checked, the weights mapped. Dispose it after the last use of the weights.</summary>
public sealed class ProgramFile : IDisposable
{
    private readonly MappedFile _file;

    private ProgramFile(MappedFile file, ProgramFileReader reader, ProgramImage image)
    {
        _file = file;
        Sections = reader.Sections;
        Image = image;
        Weights = (MappedWeightSection)image.Weights;
    }

    public ProgramImage Image { get; }

    /// <summary>The image's weights, as what they are here.</summary>
    public MappedWeightSection Weights { get; }

    /// <summary>In file order.</summary>
    public IReadOnlyList<FileSection> Sections { get; }

    /// <summary>True when the file begins like a binary; says nothing about the rest.</summary>
    public static bool IsProgram(string path) => InputFile.BeginsWith(path, FileLayout.Magic);

    /// <summary>Reads all of the file, checksums included.</summary>
    /// <param name="chip">The chip the program must have been made for; null accepts every chip.</param>
    /// <exception cref="DiagnosticException">TCC4050 to TCC4070: why the file is refused.</exception>
    public static ProgramFile Open(string path, ChipDescription? chip = null) => FileKinds.Explained(path, FileRole.Binary, () => Read(path, chip));

    private static ProgramFile Read(string path, ChipDescription? chip)
    {
        MappedFile file = Map(path);
        try
        {
            var reader = new ProgramFileReader(file, path, new FileInfo(path).Length);
            return new ProgramFile(file, reader, reader.Read(chip));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="ProgramFileWriter.Write(ProgramImage, string, Action?)"/>
    public static void Write(string path, ProgramImage image, Action? condition = null) => ProgramFileWriter.Write(image, path, condition);

    public void Dispose() => _file.Dispose();

    private static MappedFile Map(string path)
    {
        try
        {
            return new FileInfo(path).Length == 0 ? throw new DiagnosticException(Diagnostic.Error(FileCodes.Truncated, "the file is empty", path)) : new MappedFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DiagnosticException(Diagnostic.Error(FileCodes.Unreadable, $"cannot read the file: {e.Message}", path));
        }
    }
}
