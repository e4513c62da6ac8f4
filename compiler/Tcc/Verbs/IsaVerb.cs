using System.CommandLine;
using TransformerCc.Isa.Manual;

namespace TransformerCc.Tool.Verbs;

/// <summary>Prints the manual of the instruction set, which derives from the instruction records.</summary>
internal static class IsaVerb
{
    public static Verb Create(ToolContext tool)
    {
        var format = new Option<string>("--format") { Description = "Markdown for people, JSON for programs", HelpName = "md|json", DefaultValueFactory = _ => "md" };
        format.AcceptOnlyFromAmong("md", "json");
        var verb = new Verb("isa", "Print the manual of the TX1 instruction set.", "tcc isa > isa.md") { format };
        verb.SetAction(parse =>
        {
            tool.Output.Write(parse.GetValue(format) == "json" ? IsaManual.ToJson() : IsaManual.ToMarkdown());
            return 0;
        });
        return verb;
    }
}
