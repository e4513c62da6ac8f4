using System.Text;

namespace TransformerCc.Isa.Files;

/// <summary>Opens what is read. Every reader goes through here, so that a command knows its inputs (<see cref="FileLedger"/>).</summary>
public static class InputFile
{
    private const int DefaultBuffer = 4096;

    /// <param name="bufferSize">1 for a reader that takes everything at once, or maps it.</param>
    /// <exception cref="DiagnosticException">TCC4003: the command is going to write this file.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static FileStream Open(string path, int bufferSize = DefaultBuffer)
    {
        FileLedger.Current?.AddInput(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize);
    }

    /// <summary>A whole text, UTF-8.</summary>
    /// <inheritdoc cref="Open"/>
    public static string ReadText(string path)
    {
        using var reader = new StreamReader(Open(path), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>Whether a file begins with these bytes; false for one that cannot be read.</summary>
    public static bool BeginsWith(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using FileStream stream = Open(path, bufferSize: 1);
            Span<byte> start = stackalloc byte[bytes.Length];
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
