namespace TransformerCc.Isa.Files;

/// <summary>
/// Which file a path means, however it is spelled: relative, with "./" or "..", through symbolic links of files and folders, in
/// another case where the file system knows none.
/// </summary>
/// <remarks>
/// Hard links are one file on Linux; other systems are only asked for names, and there a second hard link is another file. Two
/// files that do not exist yet and differ only in case are two files.
/// </remarks>
/// <param name="Content">Where its bytes are.</param>
/// <param name="Name">Where its name stands: what a new file in its place would take away.</param>
public readonly record struct FileIdentity(string Content, string Name)
{
    public static FileIdentity Of(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return new(ContentOf(full), NameOf(full));
    }

    /// <summary>Whether writing one of them loses the other.</summary>
    public bool Meets(FileIdentity other) => Content == other.Content || Name == other.Name;

    private static string NameOf(string full) =>
        Path.GetDirectoryName(full) is { } folder ? $"{ContentOf(folder)}/{NameOnDisk(full, folder)}" : full;

    private static string ContentOf(string full)
    {
        if (LinuxFileNumber.Of(full) is { } number)
        {
            return number;
        }
        try
        {
            return NameOf(RealPath.Of(full));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return full; // links in a circle: whoever opens it says so
        }
    }

    /// <summary>The last part as the folder lists it.</summary>
    private static string NameOnDisk(string full, string folder)
    {
        string name = Path.GetFileName(full);
        try
        {
            if (!Path.Exists(full))
            {
                return name;
            }
            string[] names = [.. Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).OfType<string>()];
            return names.Contains(name) ? name : names.FirstOrDefault(n => n.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? name;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return name;
        }
    }
}
