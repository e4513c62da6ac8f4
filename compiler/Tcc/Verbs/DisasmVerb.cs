using System.CommandLine;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Tool.Verbs;

/// <summary>Prints a binary in the assembly language.</summary>
internal static class DisasmVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "The binary");
        var source = new Option<bool>("--source") { Description = "Show the model's node wherever it changes" };
        var verb = new Verb("disasm", "Print a binary in the assembly language.", "tcc disasm model.bin --source > model.tasm") { file, source };
        verb.SetAction(parse =>
        {
            using ProgramFile program = ProgramFile.Open(parse.GetValue(file)!);
            tool.Output.Write(Disassembler.Print(program.Image, parse.GetValue(source)));
            return 0;
        });
        return verb;
    }
}
