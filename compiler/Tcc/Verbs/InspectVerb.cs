using System.CommandLine;
using TransformerCc.Compiler.Analysis;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Verbs;

/// <summary>Shows what a binary holds, or what a model consists of and what the passes recognise in it.</summary>
internal static class InspectVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "A binary, or a model");
        var compilation = new CompilationArguments();
        var verify = new Option<bool>("--verify") { Description = "Of a binary: show that it is sound, without weights or inputs: semaphores and scratchpad accesses for all sizes, and every access at a sample of sizes" };
        var chip = CommonOptions.ChipOfBinary();
        var json = CommonOptions.Json();
        var verb = new Verb("inspect", "Show what a binary or a model holds.", "tcc inspect model.onnx --bind seq=..512") { file, verify, chip };
        compilation.AddModelOptionsTo(verb);
        verb.Add(json);
        verb.SetAction(parse =>
        {
            string path = parse.GetValue(file)!;
            if (parse.GetValue(verify))
            {
                return Verify(tool, path, parse.GetValue(chip), parse.GetValue(json));
            }
            if (ProgramFile.IsProgram(path))
            {
                using ProgramFile program = ProgramFile.Open(path);
                var document = BinaryDocument.Of(path, program);
                Print(tool.Output, parse.GetValue(json), document, ToolJson.Default.BinaryDocument, document.WriteText);
            }
            else
            {
                var diagnostics = new DiagnosticList();
                ImportOptions options = compilation.ReadImport(parse);
                (Graph graph, SourceDocument? source) = Import(path, options, compilation.ReadGguf(parse), diagnostics);
                // Options that name nothing are the caller's mistake; everything else is what the summary is for.
                if (diagnostics.Exists(d => d.Code == ImportCodes.Option))
                {
                    throw new DiagnosticException([.. diagnostics.Where(d => d.Code == ImportCodes.Option)]);
                }
                var document = ModelDocument.Of(path, ModelInspection.Of(graph, diagnostics), source, options, diagnostics);
                tool.Report(diagnostics.Where(d => d.Severity != DiagnosticSeverity.Error));
                Print(tool.Output, parse.GetValue(json), document, ToolJson.Default.ModelDocument, document.WriteText);
            }
            return 0;
        });
        return verb;
    }

    private static int Verify(ToolContext tool, string path, string? chipName, bool asJson)
    {
        using ProgramFile file = ProgramFile.Open(path);
        using LoadedProgram program = LoadedProgram.Load(file.Image, CommonOptions.Chip(chipName, file.Image));
        var document = SoundnessDocument.Of(path, file, ImageVerifier.Verify(file.Image, program.Chip, new PhaseProgress(tool, verbose: false)));
        Print(tool.Output, asJson, document, ToolJson.Default.SoundnessDocument, document.WriteText);
        return document.Sound ? 0 : (int)FailureKind.Failed;
    }

    private static (Graph Graph, SourceDocument? Source) Import(string path, ImportOptions options, GgufOptions gguf, DiagnosticList diagnostics)
    {
        if (GgufFile.IsGguf(path))
        {
            ImportedModel imported = GgufImporter.Import(path, gguf, options.Bindings, diagnostics);
            diagnostics.AddRange(imported.Tokenizer is { } tokenizer ? TokenizerCheck.Problems(tokenizer) : []);
            return (imported.Graph, null);
        }
        OnnxModelFile model = OnnxModelFile.Open(path);
        return (OnnxImporter.ImportReachable(model, options, diagnostics), SourceDocument.Of(OnnxModelFacts.Of(model)));
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
