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

    /// <summary>Every operator that ONNX has or had (its operator list and change log, sets 1 to 27).</summary>
    private static readonly string[] s_standard = """
        Abs Acos Acosh Add Affine AffineGrid And ArgMax ArgMin Asin Asinh ATen Atan Atanh Attention AveragePool
        BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike
        CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantFill
        ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh Crop CumProd CumSum DFT DeformConv DepthToSpace
        DequantizeLinear Det Div Dropout DynamicQuantizeLinear DynamicSlice Einsum Elu Equal Erf Exp Expand EyeLike
        FlexAttention Flatten Floor GRU GRUUnit Gather GatherElements GatherND Gelu Gemm GivenTensorFill GlobalAveragePool
        GlobalLpPool GlobalMaxPool Gradient Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow
        HardSigmoid HardSwish Hardmax Identity If ImageDecoder ImageScaler InstanceNormalization IsInf IsNaN LRN LSTM
        LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LoopIndexTensor LpNormalization
        LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish
        Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement
        OptionalHasElement Or PRelu Pad ParametricSoftplus Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
        RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
        ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize
        ReverseSequence RoiAlign RotaryEmbedding Round STFT Scale ScaledTanh Scan Scatter ScatterElements ScatterND Selu
        SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink
        Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence
        Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer
        ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>An operator of the standard is supported, or refused for a reason: never unknown.</summary>
    [Fact]
    public void Every_standard_operator_is_known()
    {
        HashSet<string> supported = [.. OperatorTable.Supported.Where(s => s.Domain.Length == 0).Select(s => s.Name)];
        Assert.DoesNotContain(s_standard, name => !supported.Contains(name) && RefusedOperators.Find("", name) is null);
        Assert.Empty(supported.Except([.. s_standard, "SimplifiedLayerNormalization"]));
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
