using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>The model of a seed: a valid one with one or two changes of one node.</summary>
/// <param name="Operator">Of the node that was changed.</param>
internal sealed record Mutant(MutationSource Source, string Operator, IReadOnlyList<Mutation> Mutations, byte[] Model)
{
    private const int MaximumChanges = 2;

    /// <param name="isUsable">Whether a source as it is can be judged by.</param>
    public static Mutant Of(ulong seed, Func<MutationSource, bool> isUsable)
    {
        // Streams of neighbouring seeds are one stream, a step apart: mutants would come in similar pairs.
        var random = new CampaignRandom(new CampaignRandom(seed).Next());
        MutationCorpus corpus = MutationCorpus.Loaded;
        string name;
        MutationSource source;
        do
        {
            name = random.Pick(corpus.Operators);
            source = random.Pick(corpus.With(name));
        }
        while (!isUsable(source));
        ModelProto model = ModelProto.Parser.ParseFrom(source.Model);
        NodeProto node = random.Pick([.. model.Graph.Node.Where(n => OperatorVocabulary.NameOf(n) == name)]);
        Relax(model, random);
        var mutator = new NodeMutator(model, node, random);
        Mutation[] mutations = [.. Enumerable.Range(0, random.OneIn(3) ? MaximumChanges : 1).Select(_ => mutator.Change())];
        return new(source, name, mutations, model.ToByteArray());
    }

    public override string ToString() => $"{Source.Name}, {Operator}: {string.Join("; ", Mutations.Select(m => m.Text))}";

    /// <summary>Other attributes give other shapes and types: what the model declares must not stand in the way every time.</summary>
    private static void Relax(ModelProto model, CampaignRandom random)
    {
        int how = random.Below(3);
        foreach (ValueInfoProto output in model.Graph.Output)
        {
            if (how == 1 && output.Type?.TensorType is { } tensor)
            {
                tensor.Shape = null;
            }
            else if (how == 2)
            {
                output.Type = null;
            }
        }
        if (how > 0)
        {
            model.Graph.ValueInfo.Clear();
        }
    }
}
