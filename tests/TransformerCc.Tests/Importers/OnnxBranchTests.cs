using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>
/// The merged decoder of Hugging Face's exporter: one file whose <c>If</c> on <c>use_cache_branch</c> chooses between a
/// first step and one that has a past. Its branches read weights and inputs of the graph around them.
/// </summary>
public sealed class OnnxBranchTests
{
    private static readonly Dictionary<string, long> s_sizes = new() { ["batch"] = 2, ["seq"] = 3, ["past"] = 4 };

    /// <summary>present = past and x, or x alone; y = the sum over present of what x·w gives for it.</summary>
    private static OnnxBuilder MergedDecoder()
    {
        GraphProto Branch(string name, NodeProto keys) => new()
        {
            Name = name,
            Node =
            {
                MakeNode("", "MatMul", "x w", $"{name}_h"),
                keys,
                // A branch within a branch, whose condition is known: it reads from both graphs around it.
                MakeNode("", "Shape", "w", $"{name}_s"),
                MakeNode("", "Gather", $"{name}_s zero", $"{name}_d"),
                MakeNode("", "Equal", $"{name}_d two", $"{name}_c"),
                MakeNode("", "If", $"{name}_c", $"{name}_z", BranchAttribute("then_branch", new GraphProto
                {
                    Node = { MakeNode("", "ReduceSum", $"{name}_present axes", $"{name}_sum"), MakeNode("", "Add", $"{name}_sum {name}_h", $"{name}_inner") },
                    Output = { new ValueInfoProto { Name = $"{name}_inner" } },
                }), BranchAttribute("else_branch", new GraphProto { Output = { new ValueInfoProto { Name = $"{name}_h" } } })),
            },
            Output = { new ValueInfoProto { Name = $"{name}_z" }, new ValueInfoProto { Name = $"{name}_present" } },
        };
        return new OnnxBuilder().Input("x", 1, "batch", "seq", 2).Input("past", 1, "batch", "past", 2).Input("use_cache_branch", 9, 1)
            .Floats("w", [2, 2], 1, 2, 3, 4).Longs("zero", [], 0).Longs("two", [], 2).Longs("axes", [1], 1)
            .Node("If", "use_cache_branch", "y present", BranchAttribute("then_branch", Branch("with", MakeNode("", "Concat", "past x", "with_present", Int("axis", 1)))),
                BranchAttribute("else_branch", Branch("without", MakeNode("", "Identity", "x", "without_present"))))
            .Output("y", 1, "batch", "seq", 2).Output("present", 1, "batch", "total", 2);
    }

    private static AttributeProto BranchAttribute(string name, GraphProto graph) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph };

    private static ImportOptions Flag(Tensor flag) => new() { Constants = new Dictionary<string, Tensor> { ["use_cache_branch"] = flag } };

    [Theory]
    [InlineData(true, 7)]
    [InlineData(false, 3)]
    public void Either_branch_is_compiled_as_the_flag_says(bool useCache, long present)
    {
        Graph graph = MergedDecoder().Import(Flag(Tensor.From<byte>(ElementType.Bool, [1], [useCache ? (byte)1 : (byte)0])));

        Assert.DoesNotContain(graph.Inputs, i => i.Name == "use_cache_branch");
        Assert.Equal([2, present, 2], GraphEvaluator.Evaluate(graph, RandomInputs.Create(graph, s_sizes, 1), s_sizes)["present"].Shape.ToArray());
        CompiledAgreement.Check(GraphPipeline.Run(graph), TestChips.Edge, Precision.F32, [s_sizes], seed: 1);
    }

    [Fact]
    public void Flag_may_be_a_scalar() =>
        Assert.Equal("f32[batch, past + seq, 2]", MergedDecoder().Import(Flag(Tensor.From<byte>(ElementType.Bool, [], [1]))).Outputs[1].Value.Type.ToString());

    [Fact]
    public void Without_the_flag_the_answer_says_which_input_to_give_and_why()
    {
        Diagnostic error = Assert.Single(MergedDecoder().ImportErrors());
        Assert.Equal(ImportCodes.DataDependent, error.Code);
        Assert.Contains("decides the branch", error.Message, StringComparison.Ordinal);
        Assert.Contains("--const use_cache_branch=FILE.npy", error.Help, StringComparison.Ordinal);
        Assert.Equal(["use_cache_branch"], error.ConstantsNeeded);
    }

    [Fact]
    public void Command_line_takes_the_flag_from_a_file()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.FullName, "model.onnx"), flag = Path.Combine(folder.FullName, "flag.npy");
        File.WriteAllBytes(model, MergedDecoder().Bytes());
        NpyFile.Write(flag, Tensor.From<byte>(ElementType.Bool, [1], [1]));
        Assert.Equal(3, ToolRun.Of("verify", model, "--precision", "f32").ExitCode);
        ToolRun.Good("verify", model, "--const", $"use_cache_branch={flag}", "--precision", "f32");
    }
}
