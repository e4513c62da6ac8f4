using System.Diagnostics;

namespace TransformerCc.Tests.Tool;

/// <summary>The command line as a process of its own: for what only a process can show, such as being killed.</summary>
internal static class ToolProcess
{
    /// <summary>The program that runs assemblies.</summary>
    public static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet";

    /// <param name="environment">Variables beside those of this process.</param>
    /// <param name="shell">What a shell does before it becomes the process: set limits.</param>
    public static Process Start(IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null, string? shell = null)
    {
        string[] command = [Host, "exec", Path.Combine(AppContext.BaseDirectory, "tcc.dll"), .. arguments];
        var start = new ProcessStartInfo(shell is null ? command[0] : "sh", shell is null ? command[1..] : ["-c", $"{shell}; exec \"$@\"", "sh", .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    /// <summary>Runs to the end and expects success.</summary>
    public static void Good(IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using Process process = Start(arguments, folder, environment);
        (int exitCode, string error) = End(process);
        Assert.True(exitCode == 0, $"tcc {string.Join(' ', arguments)} ended with {exitCode}\n{error}");
    }

    public static (int ExitCode, string Error) End(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        Task.WaitAll(output, error);
        return (process.ExitCode, error.Result);
    }
}
