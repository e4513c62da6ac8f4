using System.Text.Json;
using TransformerCc.Tool;

namespace TransformerCc.Tests.Tool;

/// <summary>One call of the command line in this process.</summary>
internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    public static ToolRun Of(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int exitCode = CommandLine.Run(arguments, new ToolContext(output, error, interactive: false));
        return new(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs and expects success; the messages show when it is not.</summary>
    public static ToolRun Good(params string[] arguments)
    {
        ToolRun run = Of(arguments);
        Assert.True(run.ExitCode == 0, $"tcc {string.Join(' ', arguments)} ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
        return run;
    }

    /// <summary>Standard output as the one JSON document it must be.</summary>
    public JsonElement Json()
    {
        using JsonDocument document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }
}
