using System.Runtime.InteropServices;

namespace TransformerCc.Tool;

/// <summary>What a person sends us after a defect: a folder with the phase, the command line and the exception.</summary>
internal static class CrashReport
{
    /// <summary>Models up to this size are copied into the folder, so that it reproduces the defect by itself.</summary>
    private const long LargestCopy = 16 << 20;

    /// <returns>The folder.</returns>
    public static string Write(string phase, IReadOnlyList<string> arguments, Exception exception)
    {
        string folder = Directory.CreateTempSubdirectory("tcc-crash-").FullName;
        File.WriteAllText(Path.Combine(folder, "report.txt"), $"""
            tcc {ToolVersion.Text}
            phase: {phase}
            command: tcc {string.Join(' ', arguments.Select(Quote))}
            system: {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}

            {exception}
            """);
        foreach (string file in arguments.Where(File.Exists).Where(f => new FileInfo(f).Length <= LargestCopy))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }
        return folder;
    }

    private static string Quote(string argument) => argument.Contains(' ', StringComparison.Ordinal) ? $"\"{argument}\"" : argument;
}
