using System.CommandLine;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>Shows what a binary holds, or what a model consists of and what the passes recognise in it.</summary>
internal static class InspectVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "A binary, or a model");
        var json = CommonOptions.Json();
        var verb = new Verb("inspect", "Show what a binary or a model holds.", "tcc inspect model.onnx --json") { file, json };
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            if (ProgramFile.IsProgram(path))
            {
                using ProgramFile program = ProgramFile.Open(path);
                var document = BinaryDocument.Of(path, program);
                Print(tool.Output, parse.GetValue(json), document, ToolJson.Default.BinaryDocument, document.WriteText);
            }
            else
            {
                var diagnostics = new DiagnosticList();
                Graph graph = OnnxImporter.Import(path, new ImportOptions(), diagnostics);
                var document = ModelDocument.Of(path, graph, diagnostics);
                tool.Report(diagnostics);
                Print(tool.Output, parse.GetValue(json), document, ToolJson.Default.ModelDocument, document.WriteText);
            }
            return 0;
        });
        return verb;
    }

    private static void Print<T>(TextWriter output, bool json, T document, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, Action<TextWriter> asText)
    {
        if (json)
        {
            JsonText.Write(output, document, type);
        }
        else
        {
            asText(output);
        }
    }
}
