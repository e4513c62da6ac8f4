using System.Security.Cryptography;
using TransformerCc.Verification;

namespace TransformerCc.Tests;

/// <summary>A folder made from a description: files with their bytes, links with what they hold. Folders on the way are made.</summary>
internal sealed class LinkedFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string FullName => _folder.FullName;

    public string this[string path] => Path.Combine([FullName, .. path.Split('/')]);

    public void Dispose() => _folder.Dispose();

    public string File(string path, ReadOnlySpan<byte> bytes)
    {
        System.IO.File.WriteAllBytes(Make(path), bytes);
        return this[path];
    }

    public string Folder(string path) => Directory.CreateDirectory(this[path]).FullName;

    public string Link(string path, string target)
    {
        System.IO.File.CreateSymbolicLink(Make(path), target);
        return this[path];
    }

    /// <summary>"a -> b; c -> d" as links.</summary>
    public LinkedFolder Links(string links)
    {
        foreach (string link in links.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = link.Split("->", StringSplitOptions.TrimEntries);
            Link(ends[0], ends[1].Replace("ROOT", FullName, StringComparison.Ordinal));
        }
        return this;
    }

    /// <summary>Every file below the folder with its bytes and its time, links as what they hold: equal only when nothing was touched.</summary>
    public string[] State() => [.. State(new DirectoryInfo(FullName)).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> State(DirectoryInfo folder) => folder.EnumerateFileSystemInfos().SelectMany(entry =>
        entry.LinkTarget is { } target ? [$"{entry.FullName} -> {target}"]
        : entry is DirectoryInfo below ? State(below).Prepend(below.FullName)
        : [$"{entry.FullName} {entry.LastWriteTimeUtc.Ticks} {Convert.ToHexString(SHA256.HashData(System.IO.File.ReadAllBytes(entry.FullName)))}"]);

    private string Make(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[path])!);
        return this[path];
    }
}
