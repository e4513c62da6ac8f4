using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>What a chip for transformers does not run is refused node by node, with a tensor at which the graph can end.</summary>
public sealed class OnnxRefusalTests
{
    private static readonly string s_readme = Path.Combine(TestData.Repository, "compiler", "TransformerCc.Compiler", "Importers", "Onnx", "README.md");

    /// <summary>A residual block of a convolutional network, then recurrence, text, a loop, training and chance.</summary>
    private static OnnxBuilder Mixture()
    {
        var body = new GraphProto { Node = { MakeNode("", "Identity", "c", "c2") }, Output = { new ValueInfoProto { Name = "c2" } } };
        return new OnnxBuilder(21).Input("image", 1, "batch", 3, 8, 8).Input("n", 7, 1).Floats("w", [4, 3, 3, 3], new float[108]).Floats("w2", [4, 4, 3, 3], new float[144])
            .Node("Conv", "image w", "c1", Ints("pads", 1, 1, 1, 1)).Node("Relu", "c1", "r1").Node("MaxPool", "r1", "p1", Ints("kernel_shape", 2, 2))
            .Node("Conv", "p1 w2", "c2", Ints("pads", 1, 1, 1, 1)).Node("Add", "c2 p1", "s").Node("AveragePool", "s", "p2", Ints("kernel_shape", 2, 2))
            .Node("ConvTranspose", "r1 w2", "up").Node("LSTM", "p2", "l").Node("GRU", "l", "g").Node("com.microsoft", "LinearAttention", "g g g", "la").Node("CausalConvWithState", "la w", "cc st")
            .Node("Loop", "n _ r1", "lo", new AttributeProto { Name = "body", G = body, Type = AttributeProto.Types.AttributeType.Graph })
            .Node("SequenceConstruct", "r1 c1", "sq").Node("SequenceAt", "sq n", "sa").Node("RandomNormalLike", "r1", "rn").Node("StringNormalizer", "n", "sn")
            .Node("SoftmaxCrossEntropyLoss", "r1 n", "loss").Node("NonZero", "r1", "nz").Node("Relu", "c1", "good").Node("local", "Mystery", "good", "my")
            .Output("cc").Output("lo").Output("sa").Output("rn").Output("sn").Output("up").Output("loss").Output("nz").Output("my").Output("good");
    }

    [Fact]
    public void Every_obstacle_of_a_mixture_is_refused_in_one_run() =>
        Snapshot.Match(string.Join('\n', Mixture().ImportErrors().Select(e => e.ToString())));

    /// <summary>Every tensor that a refusal proposes can be computed.</summary>
    [Fact]
    public void Proposed_ends_can_be_computed()
    {
        string[] proposed = [.. Mixture().ImportErrors().Select(e => e.Help?.Split("--outputs ") is [_, var name] ? name : null).OfType<string>().Distinct()];

        Assert.Equal(["good", "r1"], proposed.Order());
        Assert.All(proposed, name => Assert.Equal(name, Assert.Single(Mixture().Import(new ImportOptions { Outputs = [name] }).Outputs).Name));
    }

    /// <summary>Refused means refused: no operator of the table is translated all the same.</summary>
    [Fact]
    public void Every_operator_of_the_table_is_refused_with_its_reason()
    {
        foreach (RefusedOperators refused in RefusedOperators.All)
        {
            foreach (string name in refused.Names.DefaultIfEmpty("Anything"))
            {
                Diagnostic error = Assert.Single(new OnnxBuilder(24).Input("x", 1, 2).Node(refused.Domain, name, "x", "y").Output("y").ImportErrors());
                Assert.Equal(ImportCodes.UnsupportedOperator, error.Code);
                Assert.Contains(refused.Reason, error.Message, StringComparison.Ordinal);
            }
        }
    }

    /// <summary>The table of the README is the table of the code. TCC_ACCEPT_SNAPSHOTS=1 writes it.</summary>
    [Fact]
    public void Readme_has_the_table()
    {
        string table = RefusedOperators.Markdown(), text = File.ReadAllText(s_readme);
        int start = text.IndexOf(table.Split('\n')[0], StringComparison.Ordinal), end = text.IndexOf("\n\n", start, StringComparison.Ordinal) + 1;
        if (Environment.GetEnvironmentVariable(Snapshot.AcceptVariable) == "1")
        {
            File.WriteAllText(s_readme, text[..start] + table + text[end..]);
        }
        Assert.Equal(table, File.ReadAllText(s_readme)[start..(start + table.Length)]);
    }
}
