using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace TransformerCc.Tool;

/// <summary>A verb of the command line: its help ends with an example.</summary>
internal sealed class Verb(string name, string description, string example) : Command(name, description)
{
    public string Example => example;
}

/// <summary>The usual help, then the verb's example.</summary>
internal sealed class HelpWithExample : SynchronousCommandLineAction
{
    /// <summary>Fixed, so that help reads the same in a terminal, a pipe and a test.</summary>
    private const int Width = 110;

    private readonly HelpAction _inner = new() { MaxWidth = Width };

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int exitCode = _inner.Invoke(parseResult);
        if (parseResult.CommandResult.Command is Verb verb)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"Example:\n  {verb.Example}\n");
        }
        return exitCode;
    }
}
