using System.Globalization;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Random models for random chips; what fails is made small and written to a folder, as a model and as graph text.</summary>
internal sealed class RandomModelCampaign : ICampaign
{
    /// <summary>The folder for failures; by default beside the tests.</summary>
    private const string Variable = "TCC_CAMPAIGN_OUT";

    private readonly ModelTrial _trial = new();

    /// <summary>Kinds of failures that were made small: one of each is enough.</summary>
    private readonly HashSet<string> _kinds = [];

    public int Reached { get; private set; }

    public string Figures => string.Create(CultureInfo.InvariantCulture,
        $"{_trial.Counts.Compilations} compilations, {_trial.Counts.DidNotFit} of them for a chip too small, {_trial.Counts.Runs} runs, {_trial.Counts.Sensitive} results compared by sensitivity");

    public string? Problem(ulong seed)
    {
        var choices = new Choices(seed);
        ModelFailure failure;
        try
        {
            _trial.Run(choices);
            Reached++;
            return null;
        }
        catch (ModelFailure e)
        {
            failure = e;
        }
        if (!_kinds.Add(failure.Kind))
        {
            return failure.Message;
        }
        IReadOnlyList<int> small = ChoiceShrinker.Shrink(choices.Made, candidate =>
        {
            var made = new Choices(candidate);
            ModelFailure? again = Failure(made);
            failure = again?.Kind == failure.Kind ? again : failure;
            return again is not null && ReferenceEquals(again, failure) ? made.Made : null;
        });
        return $"{failure.Message}\n{Write(seed, small, failure)}";
    }

    public void Dispose() => _trial.Dispose();

    private ModelFailure? Failure(Choices choices)
    {
        try
        {
            _trial.Run(choices);
            return null;
        }
        catch (ModelFailure e)
        {
            return e;
        }
    }

    /// <summary>The folder with the model in both forms.</summary>
    private static string Write(ulong seed, IReadOnlyList<int> choices, ModelFailure failure)
    {
        string folder = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : Path.Combine(AppContext.BaseDirectory, "found");
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"model-{seed}");
        RandomModel model = RandomModel.Make(new Choices(choices));
        File.WriteAllBytes(path + ".onnx", model.Builder.Bytes());
        string sizes = string.Join("; ", model.Sizes.Select(s => string.Join(' ', s.Select(d => $"{d.Key}={d.Value}"))));
        File.WriteAllText(path + ".ir", $"// seed {seed}, choices {string.Join(',', choices)}\n// sizes {sizes}\n// {failure.Message.ReplaceLineEndings("\n// ")}\n{Text(model)}");
        return path + ".ir";
    }

    private static string Text(RandomModel model)
    {
        try
        {
            return GraphPrinter.Print(OnnxImporter.Import(OnnxModelFile.Parse(model.Builder.Bytes(), "model.onnx"), model.Options, []));
        }
        catch (DiagnosticException)
        {
            return "";
        }
    }
}
