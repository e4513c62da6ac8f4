using System.Runtime.InteropServices;

namespace TransformerCc.Isa.Files;

/// <summary>
/// A file that appears whole or not at all: bytes go to a temporary file in the same folder, which takes the final name
/// in <see cref="Commit"/> and is deleted otherwise, on Ctrl-C and SIGTERM too. A file that has the same bytes already is left as
/// it is, with its time stamp: what is built from it need not be built again. An input of the command is never replaced.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Where Unix has its devices: whoever may do so would replace /dev/null for the whole system.</summary>
    private const string Devices = "/dev";

    private readonly string _path, _givenPath;
    private readonly string _temporary;
    private readonly FileStream _stream;
    private readonly List<PosixSignalRegistration> _signals = [];
    private bool _isCommitted;

    /// <exception cref="DiagnosticException">
    /// TCC4002: the folder does not exist or cannot be written; TCC4003: the file is an input of the command.
    /// </exception>
    public AtomicFile(string path)
    {
        _path = Path.GetFullPath(path);
        _givenPath = path;
        CheckPlace(path);
        _temporary = Path.Combine(Path.GetDirectoryName(_path) ?? ".", $".{Path.GetFileName(_path)}.{Path.GetRandomFileName()}");
        try
        {
            _stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, BufferBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(_path, e.Message);
        }
        // The handlers leave the signal's default action in place: the process still ends, but without a leftover.
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Delete()));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Delete()));
    }

    /// <summary>The temporary file, to be written; seekable.</summary>
    public Stream Stream => _stream;

    /// <summary>Refuses what is no place for a file before there are bytes for it: long work would end in vain.</summary>
    /// <exception cref="DiagnosticException">
    /// TCC4002: the path is that of a folder or a device, or in no folder; TCC4003: it is that of an input of the command.
    /// </exception>
    public static void CheckPlace(string path)
    {
        string full = Path.GetFullPath(path);
        string? folder = Path.GetDirectoryName(full);
        string? reason = folder == Devices ? "a device cannot be replaced by a file"
            : Directory.Exists(full) ? "it is a folder"
            : folder is not null && !Directory.Exists(folder) ? $"there is no folder '{folder}'" : null;
        if (reason is not null)
        {
            throw CannotWrite(full, reason);
        }
        FileLedger.Current?.ExpectNoInput(path);
    }

    /// <summary>Writes a whole file. What <paramref name="write"/> throws passes through, and no file appears.</summary>
    /// <exception cref="DiagnosticException">TCC4002: the file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        using var file = new AtomicFile(path);
        try
        {
            write(file.Stream);
        }
        catch (Exception e) when (IsFault(e)) // disk full, mostly
        {
            throw CannotWrite(file._path, e.Message);
        }
        file.Commit();
    }

    /// <summary>Closes the temporary file and gives it its name, replacing a file of that name unless it has the same bytes.</summary>
    /// <exception cref="DiagnosticException">TCC4002: the file cannot be written.</exception>
    public void Commit()
    {
        try
        {
            _stream.Flush();
            bool isUnchanged = EqualsOldFile();
            _stream.Dispose();
            if (isUnchanged)
            {
                Delete();
            }
            else
            {
                File.Move(_temporary, _path, overwrite: true);
            }
            _isCommitted = true;
            FileLedger.Current?.AddWritten(_givenPath, isUnchanged);
        }
        catch (Exception e) when (IsFault(e) || e is UnauthorizedAccessException)
        {
            throw CannotWrite(_path, e.Message);
        }
    }

    public void Dispose()
    {
        _signals.ForEach(s => s.Dispose());
        if (_isCommitted)
        {
            return;
        }
        try
        {
            _stream.Dispose();
        }
        catch (Exception e) when (IsFault(e))
        {
            // What is still in the buffer does not fit either, and nobody wants it.
        }
        Delete();
    }

    /// <summary>Compares block by block and stops at the first that differs: of a binary the header, which holds the checksums.</summary>
    private bool EqualsOldFile()
    {
        try
        {
            var old = new FileInfo(_path);
            old = old.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? old;
            // Pipes and devices have no length, and opening them waits.
            if (!old.Exists || old.Length != _stream.Length || old.Length == 0)
            {
                return false;
            }
            using var reader = new FileStream(old.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            byte[] oldBytes = new byte[BufferBytes], newBytes = new byte[BufferBytes];
            _stream.Position = 0;
            while (true)
            {
                int count = reader.ReadAtLeast(oldBytes, oldBytes.Length, throwOnEndOfStream: false);
                if (_stream.ReadAtLeast(newBytes, newBytes.Length, throwOnEndOfStream: false) != count
                    || !oldBytes.AsSpan(0, count).SequenceEqual(newBytes.AsSpan(0, count)))
                {
                    return false;
                }
                if (count < oldBytes.Length)
                {
                    return true;
                }
            }
        }
        catch (Exception e) when (IsFault(e) || e is UnauthorizedAccessException)
        {
            return false; // an old file that cannot be read is replaced, as one with other bytes
        }
    }

    /// <summary>Where a file becomes larger than its file system or the process's limit lets it, .NET blames the argument "value".</summary>
    private static bool IsFault(Exception e) => e is IOException or ArgumentOutOfRangeException { ParamName: "value" };

    private void Delete()
    {
        try
        {
            File.Delete(_temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing more can be done for a file that even its owner cannot delete; the cause is reported elsewhere.
        }
    }

    private static DiagnosticException CannotWrite(string path, string reason) => new(Diagnostic.Error("TCC4002", $"cannot write the file: {reason}", path));
}
