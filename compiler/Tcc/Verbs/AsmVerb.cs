using System.CommandLine;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Files;

namespace TransformerCc.Tool.Verbs;

/// <summary>Assembles a text into a binary.</summary>
internal static class AsmVerb
{
    public static Verb Create()
    {
        var file = CommonOptions.File("FILE", "The assembly text");
        var output = CommonOptions.OutputFile("The binary to write");
        output.Required = true;
        var weights = new FileOption("--weights", FileUse.Input) { Description = "The binary whose weights stand for .weights external", HelpName = "FILE.bin" };
        var verb = new Verb("asm", "Assemble a text into a binary.", "tcc asm program.tasm -o program.bin") { file, output, weights };
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            using ProgramFile? donor = parse.GetValue(weights) is string binary ? ProgramFile.Open(binary) : null;
            ProgramFile.Write(parse.GetValue(output)!, FileKinds.Explained(path, FileRole.Assembly,
                () => Assembler.Assemble(InputFile.ReadText(path), path, donor?.Image.Weights)));
            return 0;
        });
        return verb;
    }
}
