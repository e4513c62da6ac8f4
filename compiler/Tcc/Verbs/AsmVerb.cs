using System.CommandLine;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Tool.Verbs;

/// <summary>Assembles a text into a binary.</summary>
internal static class AsmVerb
{
    public static Verb Create()
    {
        var file = CommonOptions.File("FILE", "The assembly text");
        var output = CommonOptions.OutputFile("The binary to write");
        output.Required = true;
        var weights = new Option<string?>("--weights") { Description = "The binary whose weights stand for .weights external", HelpName = "FILE.bin" };
        var verb = new Verb("asm", "Assemble a text into a binary.", "tcc asm program.tasm -o program.bin") { file, output, weights };
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            using ProgramFile? donor = parse.GetValue(weights) is string binary ? ProgramFile.Open(binary) : null;
            ProgramFile.Write(parse.GetValue(output)!, Assembler.Assemble(File.ReadAllText(path), path, donor?.Image.Weights));
            return 0;
        });
        return verb;
    }
}
