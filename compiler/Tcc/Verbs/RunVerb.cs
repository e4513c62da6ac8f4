using System.CommandLine;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tool.Output;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Verbs;

/// <summary>Runs a binary on the emulator: tensors from one folder, results into another; or text in, text out.</summary>
internal static class RunVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE", "The binary");
        var inputs = new FileOption("--inputs", FileUse.Input) { Description = "Folder with one .npy file for each input", HelpName = "DIR" };
        var outputs = new FileOption("--outputs", FileUse.Output) { Description = "Folder for one .npy file for each output", HelpName = "DIR" };
        var check = new Option<bool>("--check") { Description = "Look for races, reads of uninitialised memory and deadlocks as well; slower" };
        var set = new NumberPairs("--set", "NAME=N", "Value of a dimension that no input's shape shows, or of all elements of an input that is left out");
        var generation = new GenerationArguments();
        var chip = CommonOptions.ChipOfBinary();
        Option<bool> json = CommonOptions.Json(), verbose = CommonOptions.Verbose();
        var verb = new Verb("run", "Run a binary on the emulator.", "tcc run model.bin --inputs inputs --outputs results --check\n  tcc run model.bin --prompt \"Once upon a time\" --max-tokens 64") { file, inputs, outputs, check, set.Option };
        generation.AddTo(verb);
        verb.Add(chip);
        verb.Add(json);
        verb.Add(verbose);
        verb.Validators.Add(result =>
        {
            bool isText = generation.IsGiven(result), hasFolder = result.GetResult(inputs) is not null || result.GetResult(outputs) is not null;
            if (isText ? hasFolder : result.GetResult(inputs) is null || result.GetResult(outputs) is null)
            {
                // A model in place of a binary is what a newcomer gives first: no option would help.
                result.AddError(WhyNoBinary(result.GetValue(file)) ?? "either --inputs and --outputs are needed, or --prompt");
            }
            Option[] ofOtherKind = isText ? [check, set.Option] : [json];
            if (Array.Find(ofOtherKind, o => result.GetResult(o) is { Implicit: false }) is { } stray)
            {
                result.AddError($"{stray.Name} goes with {(isText ? "--inputs" : "--prompt")}");
            }
        });
        verb.SetAction(async (parse, cancellation) =>
        {
            bool show = parse.GetValue(verbose);
            string path = parse.GetValue(file)!;
            tool.BeginPhase("load", show);
            using ProgramFile program = ProgramFile.Open(path);
            using LoadedProgram loaded = LoadedProgram.Load(program.Image, CommonOptions.Chip(parse.GetValue(chip), program.Image));
            if (generation.IsGiven(parse.CommandResult))
            {
                tool.BeginPhase("generate", show);
                return await new TextGeneration(tool, parse.GetValue(json)).RunAsync(loaded, generation, parse, cancellation).ConfigureAwait(false);
            }
            string folder = parse.GetValue(outputs)!;
            string[] names = [.. program.Image.Tensors.Where(t => t.Kind == TensorKind.Input).Select(t => t.Name)];
            string[] results = [.. program.Image.Tensors.Where(t => t.Kind == TensorKind.Output).Select(t => t.Name)];
            (string Name, string Path)[] files = [.. TensorFolder.Paths(folder, results)]; // two outputs with one file end here, before the run
            IReadOnlyDictionary<string, Tensor> tensors = TensorFolder.Read(parse.GetValue(inputs)!, names);
            Array.ForEach(files, f => FileLedger.Current?.ExpectNoInput(f.Path)); // none is written before all are known to be free

            if (parse.GetValue(check) && loaded.Undecided.Count > 0)
            {
                tool.Report([Diagnostic.Note(loaded.Undecided[0].Code, FormattableString.Invariant($"{loaded.Undecided.Count} properties were not proved for all sizes: this run looks at each access"), path, "tcc inspect --verify lists them")]);
            }

            tool.BeginPhase("run", show);
            RunResult result = new Session(loaded).Run(tensors, new RunOptions { Check = parse.GetValue(check), Set = set.Read(parse) });

            Directory.CreateDirectory(folder);
            foreach ((string name, string target) in files)
            {
                Tensor tensor = result.Outputs[name];
                NpyFile.Write(target, tensor);
                tool.Output.WriteLine($"{name}: {tensor.Type.Name()}[{string.Join(", ", tensor.Shape.ToArray())}] -> {target}");
            }
            tool.Output.WriteLine($"{Numbers.Count(result.Statistics.Instructions)} instructions, {Numbers.Count(result.Statistics.MultiplyAdds)} multiply-adds");
            return Findings.Report(tool, result.Findings);
        });
        return verb;
    }

    private static string? WhyNoBinary(string? path) =>
        path is not null && FileStart.Read(path) is { } start && FileKinds.Explain(start, path, FileRole.Binary, code: "") is { } why ? $"{path} is {why.Message}; {why.Help}" : null;
}
