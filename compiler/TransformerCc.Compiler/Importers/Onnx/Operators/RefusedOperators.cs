using System.Text;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Operators that are known and refused: what they are, and why a chip for transformers does not run them.</summary>
/// <param name="Reason">Completes "is not supported: ".</param>
/// <param name="Domain">The operator set; "" is ONNX itself.</param>
/// <param name="Names">The operators; none for all that the domain has.</param>
public sealed record RefusedOperators(string Reason, string Domain, params IReadOnlyList<string> Names)
{
    private const string Recurrent = "a recurrent or state-space operator: each step waits for the one before";
    private const string Pooling = "pooling, of convolutional networks";
    private const string Convolution = "a convolution that is neither a patch embedding nor an audio stem";
    private const string Image = "sampling and cropping of images: prepare them on the host";
    private const string Signal = "signal processing: compute the spectrum on the host";
    private const string Text = "text: tokens are made and read on the host";
    private const string Sequence = "sequences and optional values: the chip has tensors";
    private const string Loop = "a loop of the model: unroll it when exporting, or run the loop on the host";
    private const string Search = "a search over calls of a decoder: export the decoder, the host samples";
    private const string Training = "training: export the model for inference";
    private const string Chance = "random numbers: pass them in as an input";
    private const string Sparse = "the shape of its result depends on the data";
    private const string Algebra = "no transformer needs it";
    private const string Bits = "bits of integers: unpack constants before the export, with MatMulNBits for packed weights";
    private const string Old = "an operator that ONNX gave up: export the model again for operator set 13 or newer";
    private const string Packing = "sequences without padding or in pages of a cache: export with Attention, MultiHeadAttention or GroupQueryAttention";
    private const string ChosenKeys = "attention to a part of the keys that data chooses: export with full attention and a mask";
    private const string OwnSet = "it stands for an operator of ONNX itself: export the model again with that one";
    private const string Fused = "a fusion of ONNX Runtime: save the model without its optimiser, or with its basic level";
    private const string Quantised = "its weights are quantised in a layout of one library: export with MatMulNBits or QDQ nodes";

    private const string Microsoft = ContribOperators.Microsoft;

    public static IReadOnlyList<RefusedOperators> All { get; } =
    [
        new(Recurrent, "", "LSTM", "GRU", "RNN", "LinearAttention", "CausalConvWithState"),
        new(Recurrent, Microsoft, "AttnLSTM", "CausalConvWithState", "GatedDeltaNet", "LinearAttention"),
        new(Pooling, "", "AveragePool", "MaxPool", "LpPool", "GlobalLpPool", "MaxUnpool", "MaxRoiPool", "RoiAlign"),
        new(Pooling, Microsoft, "MaxpoolWithMask", "NhwcMaxPool", "QLinearAveragePool", "QLinearGlobalAveragePool"),
        new(Convolution, "", "Col2Im", "ConvTranspose", "DeformConv", "LRN"),
        new(Convolution, Microsoft, "ConvTransposeWithDynamicPads", "FusedConv", "NhwcConv", "NhwcFusedConv"),
        new(Image, "", "AffineGrid", "CenterCropPad", "GridSample", "ImageDecoder", "NonMaxSuppression", "Resize", "Upsample"),
        new(Image, Microsoft, "CropAndResize", "GridSample"),
        new(Signal, "", "BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"),
        new(Signal, Microsoft, "ComplexMul", "ComplexMulConj", "Irfft", "Rfft"),
        new(Text, "", "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"),
        new(Text, Microsoft, "MurmurHash3", "Tokenizer", "WordConvEmbedding"),
        new(Text, "ai.onnx.contrib"),
        new(Sequence, "", "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase",
            "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence"),
        new(Loop, "", "Loop", "Scan"),
        new(Search, Microsoft, "BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"),
        new(Training, "", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"),
        new(Training, "ai.onnx.training"),
        new(Training, "ai.onnx.preview.training"),
        new(Chance, "", "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        new(Chance, Microsoft, "BitmaskDropout", "Bernoulli"),
        new(Sparse, "", "Compress", "Unique"),
        new(Sparse, Microsoft, "Unique"),
        new(Algebra, "", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Det"),
        new(Algebra, Microsoft, "CDist", "Inverse"),
        new(Quantised, Microsoft, "MatMulBnb4", "MatMulFpQ4", "QEmbedLayerNormalization", "QGemm", "QOrderedAttention", "QOrderedGelu", "QOrderedLayerNormalization", "QOrderedLongformerAttention",
            "QOrderedMatMul"),
        new(Bits, "", "BitShift", "BitCast"),
        new(Old, "", "ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill", "ImageScaler", "LoopIndexTensor", "ParametricSoftplus", "Scale", "ScaledTanh"),
        new("its body is a graph that changes scores: export it with a mask or a bias", "", "FlexAttention"),
        new(Training, "", "Gradient"),
        new(Algebra, "", "CumProd", "EyeLike"),
        new(Packing, Microsoft, "DecoderAttention", "DecoderMaskedSelfAttention", "PackedAttention", "PackedMultiHeadAttention", "PagedAttention", "RemovePadding", "RestorePadding"),
        new(ChosenKeys, Microsoft, "DynamicSparseAttention", "LongformerAttention", "SparseAttention", "SparsePagedAttention"),
        new(Fused, Microsoft, "FusedMatMulActivation", "GatedRelativePositionBias", "GroupNorm", "MRotaryEmbedding", "MatMulNBitsMlp", "MatMulNBitsQkv", "RelativePositionBias", "SkipGroupNorm", "TorchEmbedding"),
        new(OwnSet, Microsoft, "ExpandDims", "GatherND", "IsAllFinite", "MulInteger", "Pad", "Range", "ReduceSumInteger", "SampleOp", "UnfoldTensor"),
        new("it belongs to the search over tokens or to speech, which the host does", Microsoft, "BifurcationDetector", "DynamicTimeWarping", "NGramRepeatBlock"),
        new(Recurrent, Microsoft, "DynamicQuantizeLSTM"),
        new(Quantised, Microsoft, "DequantizeBFP", "DequantizeWithOrder", "GemmFloat8", "QLinearReduceMean", "QLinearWhere", "QuantizeBFP", "QuantizeWithOrder", "SparseToDenseMatMul"),
        new("classical machine learning, trees and encoders: run it on the host", "ai.onnx.ml"),
    ];

    /// <summary>Why an operator is refused; null when nothing is known of it.</summary>
    public static string? Find(string domain, string name) =>
        All.FirstOrDefault(r => r.Domain == domain && (r.Names.Count == 0 || r.Names.Contains(name)))?.Reason;

    /// <summary>The table of the importer's README.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder("| operators | not supported because |\n|---|---|\n");
        foreach (RefusedOperators refused in All)
        {
            string domain = refused.Domain.Length == 0 ? "" : $" of {refused.Domain}";
            text.Append("| ").Append(refused.Names.Count == 0 ? "all" : string.Join(", ", refused.Names)).Append(domain).Append(" | ").Append(refused.Reason).Append(" |\n");
        }
        return text.ToString();
    }
}
