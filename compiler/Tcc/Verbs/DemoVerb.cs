using System.CommandLine;

namespace TransformerCc.Tool.Verbs;

/// <summary>Compiles, runs and checks the bundled model.</summary>
internal static class DemoVerb
{
    public static Verb Create(ToolContext tool)
    {
        var verbose = CommonOptions.Verbose();
        var verb = new Verb("demo", "Compile the bundled model, run it on the emulator and check what it computes.", "tcc demo") { verbose };
        verb.SetAction(parse => AdderDemo.Run(tool, parse.GetValue(verbose)));
        return verb;
    }
}
