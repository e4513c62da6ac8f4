namespace TransformerCc.Isa.Files;

/// <summary>Where a path leads to when every link in it is followed, those of the folders on the way too.</summary>
public static class RealPath
{
    /// <summary>As many links as Linux follows (path_resolution(7)).</summary>
    private const int MostLinks = 40;

    /// <summary>A full path without links; its last parts need not exist.</summary>
    /// <exception cref="IOException">The links lead in a circle, or one cannot be read.</exception>
    public static string Of(string path)
    {
        string at = Path.GetPathRoot(Path.GetFullPath(path)) ?? "";
        var rest = new Stack<string>();
        Push(rest, Path.GetFullPath(path)[at.Length..]);
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part is "" or ".")
            {
                continue;
            }
            if (part == "..")
            {
                at = Path.GetDirectoryName(at) ?? at;
                continue;
            }
            string next = Path.Combine(at, part);
            if (Target(next) is not { } target)
            {
                at = next;
                continue;
            }
            if (++links > MostLinks)
            {
                throw new IOException($"more than {MostLinks} links follow each other in '{path}'");
            }
            string root = Path.IsPathFullyQualified(target) ? Path.GetPathRoot(target)! : "";
            at = root.Length > 0 ? root : at;
            Push(rest, target[root.Length..]);
        }
        return at;
    }

    /// <summary>The path, and each that it leads to when its last part is a link, in order; it ends where links lead in a circle.</summary>
    public static IEnumerable<string> Chain(string path)
    {
        for (int links = 0; links <= MostLinks; links++)
        {
            yield return path;
            if (Target(path) is not { } target)
            {
                yield break;
            }
            path = Path.Combine(Of(Path.GetDirectoryName(Path.GetFullPath(path))!), target); // a link counts from where it really lies
        }
    }

    /// <summary>Whether a path lies below a folder; both are real ones.</summary>
    public static bool IsInside(string path, string folder) =>
        path.StartsWith(Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>What a link holds; null for everything else.</summary>
    private static string? Target(string path) => (Directory.Exists(path) ? (FileSystemInfo)new DirectoryInfo(path) : new FileInfo(path)).LinkTarget;

    private static void Push(Stack<string> rest, string path)
    {
        foreach (string part in path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Reverse())
        {
            rest.Push(part);
        }
    }
}
