namespace TransformerCc.Tests.Importers;

/// <summary>A node, and for attributes of it another value that must change the result or be refused.</summary>
/// <param name="Operator">Name, with its domain and a dot when it is not ONNX's own.</param>
/// <param name="Version">Of the operator set.</param>
/// <param name="Inputs">
/// TYPE[sizes] for a random input, TYPE[sizes]=a,b,… for a constant (repeated from the start when there are more elements), _ for one
/// that is left out. Types: f (float), h (float16), i (int64), j (int32), u (uint8), s (int8), b (bool).
/// </param>
/// <param name="Attributes">NAME=VALUE: 1 is an integer, 1.0 a float, 'text', [1 2] integers, [1.0] floats, t1.5 a tensor of one float, ti5 of one int64.</param>
/// <param name="Changes">NAME=VALUE in place of, or besides, what stands in <paramref name="Attributes"/>; NAME= takes the attribute away.</param>
/// <param name="Outputs">How many outputs the node has.</param>
internal sealed record AttributeSample(string Operator, long Version, string Inputs, string Attributes, string Changes, int Outputs = 1);

/// <summary>One sample or more for every attribute that an operator declares as used.</summary>
internal static class AttributeSamples
{
    private const string Ms = "com.microsoft.";

    private const string Convolved = "f[1,2,5,6] f[2,2,3,3]", BytesConvolved = "u[1,2,5,6] u[2,2,3,3]", Geometry = "strides=[1 1] pads=[1 1 1 1] dilations=[1 1] kernel_shape=[3 3] group=1 auto_pad='NOTSET'",
        OtherGeometry = "strides=[2 1] pads=[0 1 0 1] dilations=[2 1] kernel_shape=[2 3] group=2 auto_pad='VALID'";

    public static IReadOnlyList<AttributeSample> All { get; } =
    [
        .. Each("ArgMax ArgMin", [(1, ""), (12, "")], "f[2,3]", "axis=0 keepdims=1", "axis=1 keepdims=0"),
        .. Each("ArgMax ArgMin", [(12, "")], "f[2,3]=1,1,1", "axis=0 select_last_index=0", "select_last_index=1"),
        .. Each("BatchNormalization", [(7, ""), (9, ""), (14, "")], "f[2,3,4] f[3] f[3] f[3] f[3]=1,2,3", "epsilon=1e-5", "epsilon=0.5"),
        new("Cast", 6, "f[3]", "to=6", "to=7"),
        .. Each("Cast", [(19, ""), (24, "")], "f[3]=1000.0,1.0", "to=17 saturate=1", "to=1 saturate=0"),
        .. Each("CastLike", [(19, ""), (24, "")], "f[3]=1000.0,1.0 e[1]=0", "saturate=1", "saturate=0"),
        new("Celu", 12, "f[8]", "", "alpha=0.5"),
        .. Each("Clip", [(1, ""), (6, "")], "f[8]", "min=-0.9 max=0.9", "min=0.1 max=-0.1"),
        new("Concat", 4, "f[2,2] f[2,2]", "axis=0", "axis=1"),
        .. Each("Constant", [(1, ""), (11, ""), (12, "")], "", "value=t1.5", "value=t2.5"),
        new("Constant", 12, "", "value_float=1.5", "value_float=2.5"),
        new("Constant", 12, "", "value_floats=[1.5]", "value_floats=[2.5]"),
        new("Constant", 12, "", "value_int=1", "value_int=2"),
        new("Constant", 12, "", "value_ints=[1]", "value_ints=[2]"),
        new("ConstantOfShape", 9, "i[1]=3", "value=t1.5", "value=t2.5"),
        new("Conv", 1, Convolved, Geometry, OtherGeometry),
        new("ConvInteger", 10, BytesConvolved, Geometry, OtherGeometry),
        new("QLinearConv", 10, "u[1,2,5,6] f[1]=0.1 u[1]=3 u[2,2,3,3] f[1]=0.1 u[1]=5 f[1]=2.0 u[1]=7", Geometry, OtherGeometry),
        new("CumSum", 11, "f[4] i[1]=0", "exclusive=0 reverse=0", "exclusive=1 reverse=1"),
        .. Each("DepthToSpace", [(1, ""), (11, "")], "f[1,8,2,2]", "blocksize=2", "blocksize=1"),
        new("DepthToSpace", 11, "f[1,8,2,2]", "blocksize=2 mode='DCR'", "mode='CRD'"),
        .. Each("DequantizeLinear", [(13, ""), (21, ""), (23, "")], "u[2,2] f[2]=0.5,2.0", "axis=0", "axis=1"),
        .. Each("DequantizeLinear", [(21, ""), (23, "")], "u[2,4] f[2,2]=0.5,2.0,3.0,4.0", "axis=1 block_size=2", "block_size=1"),
        new("DequantizeLinear", 23, "u[2,4] f[1]=0.5", "output_dtype=1", "output_dtype=10"),
        new("Einsum", 12, "f[2,2] f[2,2]", "equation='ij,jk->ik'", "equation='ij,jk->ki'"),
        .. Each("Elu LeakyRelu", [(1, ""), (6, "")], "f[8]", "", "alpha=0.5"),
        new("Flatten", 1, "f[2,3,4]", "axis=1", "axis=2"),
        new("Gather", 1, "f[2,2] i[1]=1", "axis=0", "axis=1"),
        new("GatherElements", 11, "f[2,2] i[2,2]=1,0,0,0", "axis=0", "axis=1"),
        new("GatherND", 12, "f[2,2,2] i[2,1]=1,0", "batch_dims=0", "batch_dims=1"),
        new("Gelu", 20, "f[8]", "approximate='none'", "approximate='tanh'"),
        .. Each("Gemm", [(7, ""), (11, "")], "f[2,2] f[2,2] f[2,2]", "", "alpha=0.5 beta=0.5 transA=1 transB=1"),
        new("GroupNormalization", 18, "f[2,4,3] f[2] f[2]", "num_groups=2", "num_groups=4 epsilon=0.5"),
        new("GroupNormalization", 21, "f[2,4,3] f[4] f[4]", "num_groups=2", "num_groups=4 epsilon=0.5"),
        .. Each("HardSigmoid", [(1, ""), (6, "")], "f[8]", "", "alpha=0.5 beta=0.1"),
        new("Hardmax", 13, "f[2,3]", "axis=1", "axis=0"),
        .. Each("InstanceNormalization", [(1, ""), (6, "")], "f[2,2,4] f[2] f[2]", "", "epsilon=0.5"),
        new("IsInf", 10, "f[3]=Infinity,-Infinity,1.0", "", "detect_positive=0 detect_negative=0"),
        .. Each("LayerNormalization", [(1, ""), (17, "")], "f[2,3,3] f[3]", "axis=2", "axis=1 epsilon=0.5"),
        new("RMSNormalization", 23, "f[2,3,3] f[3]", "axis=2", "axis=1 epsilon=0.5"),
        .. Each($"SimplifiedLayerNormalization {Ms}SimplifiedLayerNormalization", [(1, "")], "f[2,3,3] f[3]", "axis=2", "axis=1 epsilon=0.5"),
        .. Each("Softmax LogSoftmax", [(1, ""), (13, "")], "f[2,3]", "axis=1", "axis=0"),
        new("LpNormalization", 1, "f[2,3]", "axis=1 p=2", "axis=0 p=1"),
        new("MeanVarianceNormalization", 9, "f[2,3,2,2]", "", "axes=[1 2 3]"),
        new("Mod", 10, "f[4]=-5.0,5.0 f[4]=3.0,3.0,-3.0,-3.0", "fmod=0", "fmod=1"),
        new("OneHot", 9, "i[2]=0,1 i[1]=2 f[2]=0.0,1.0", "axis=-1", "axis=5"),
        new("OneHot", 9, "i[2,1]=0,1 i[1]=3 f[2]=0.0,1.0", "axis=-1", "axis=0"),
        new("Pad", 2, "f[3]", "pads=[1 1]", "pads=[2 1] mode='edge' value=1.5"),
        .. Each("Pad", [(11, ""), (18, ""), (19, "")], "f[3] i[2]=1,1", "mode='edge'", "mode='reflect'"),
        .. Each("QuantizeLinear", [(13, ""), (19, ""), (21, ""), (23, "")], "f[2,2] f[2]=0.01,0.1", "axis=0", "axis=1"),
        .. Each("QuantizeLinear", [(19, ""), (21, ""), (23, "")], "f[2]=1000.0,1.0 f[1]=1.0 e[1]=0", "saturate=1", "saturate=0"),
        .. Each("QuantizeLinear", [(21, ""), (23, "")], "f[2,4] f[2,2]=0.01,0.02,0.03,0.04", "axis=1 block_size=2", "block_size=1"),
        .. Each("QuantizeLinear", [(21, ""), (23, "")], "f[2,4] f[1]=0.01", "output_dtype=2", "output_dtype=3"),
        .. Each("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare", [(1, "")], "f[2,3]", "axes=[0]", "axes=[1] keepdims=0"),
        .. Each("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare", [(18, "")], "f[2,3]", "", "keepdims=0 noop_with_empty_axes=1"),
        new("ReduceSum", 13, "f[2,3]", "", "keepdims=0 noop_with_empty_axes=1"),
        new("Reshape", 14, "f[2,3] i[2]=0,3", "", "allowzero=1"),
        new("ReverseSequence", 10, "f[3,3] i[3]=1,2,3", "time_axis=0 batch_axis=1", "time_axis=1 batch_axis=0"),
        new("RotaryEmbedding", 23, "f[1,2,3,8] f[4,4] f[4,4] i[1,3]=0,1,2", "", "interleaved=1 rotary_embedding_dim=4"),
        new("RotaryEmbedding", 23, "f[1,3,16] f[4,4] f[4,4] i[1,3]=0,1,2", "num_heads=2", "num_heads=1"),
        new($"{Ms}RotaryEmbedding", 1, "f[1,2,3,8] i[1,3]=0,1,2 f[4,4] f[4,4]", "", "interleaved=1"),
        new($"{Ms}RotaryEmbedding", 1, "f[1,3,16] i[1,3]=0,1,2 f[4,2] f[4,2]", "num_heads=2 rotary_embedding_dim=4", "num_heads=1 rotary_embedding_dim=8"),
        .. Each("Scatter", [(9, "")], "f[2,2] i[1,1]=1 f[1,1]", "axis=0", "axis=1"),
        .. Each("ScatterElements", [(11, ""), (16, ""), (18, "")], "f[2,2] i[1,1]=1 f[1,1]", "axis=0", "axis=1"),
        .. Each("ScatterElements", [(16, ""), (18, "")], "f[2,2] i[1,1]=1 f[1,1]", "reduction='none'", "reduction='add'"),
        .. Each("ScatterND", [(16, ""), (18, "")], "f[2,2] i[1,1]=1 f[1,2]", "reduction='none'", "reduction='mul'"),
        .. Each("Selu", [(1, ""), (6, "")], "f[8]", "", "alpha=0.5 gamma=0.5"),
        new("Shape", 15, "f[2,3]", "", "start=1 end=1"),
        new("Shrink", 9, "f[8]", "bias=0.0 lambd=0.1", "bias=0.5 lambd=0.9"),
        new("Slice", 1, "f[3,3]", "starts=[0] ends=[2] axes=[0]", "starts=[1] ends=[1] axes=[1]"),
        new("SpaceToDepth", 1, "f[1,2,4,4]", "blocksize=2", "blocksize=4"),
        .. Each("Split", [(2, ""), (13, ""), (18, "num_outputs=2")], "f[2,4]", "axis=0", "axis=1", outputs: 2),
        new("Split", 2, "f[4]", "split=[2 2]", "split=[1 3]", 2),
        new("Split", 18, "f[4]", "num_outputs=2", "num_outputs=3", 2),
        new("Squeeze", 1, "f[1,1,2]", "axes=[0]", "axes=[0 1]"),
        new("Swish", 24, "f[8]", "alpha=1.0", "alpha=0.5"),
        new("TensorScatter", 24, "f[2,3,3] f[2,1,3] i[2]=2,1", "axis=-2", "axis=2"),
        new("TensorScatter", 24, "f[1,3,3] f[1,2,3] i[1]=2", "mode='circular'", "mode='linear'"),
        new("ThresholdedRelu", 1, "f[8]", "alpha=0.1", "alpha=0.5"),
        new("TopK", 1, "f[3,3]", "k=1 axis=0", "k=2 axis=1", 2),
        new("TopK", 10, "f[3,3] i[1]=1", "axis=0", "axis=1", 2),
        new("TopK", 11, "f[3,3] i[1]=1", "axis=0 largest=1", "axis=1 largest=0", 2),
        new("Transpose", 1, "f[2,3,4]", "perm=[0 1 2]", "perm=[1 0 2]"),
        new("Trilu", 14, "f[3,3]", "upper=1", "upper=0"),
        new($"{Ms}Trilu", 1, "f[3,3]", "upper=1", "upper=0"),
        new("Unsqueeze", 1, "f[2]", "axes=[0]", "axes=[1]"),
        new($"{Ms}BiasSoftmax", 1, "f[2,2,2,3] f[2,1,1,3]", "axis=3 is_inner_broadcast=1", "axis=2"),
        new($"{Ms}BiasSoftmax", 1, "f[2,2,2,3] f[2,2,3]", "axis=3 is_inner_broadcast=1", "is_inner_broadcast=0"),
        new($"{Ms}DequantizeLinear", 1, "u[2,2] f[2]=0.5,2.0", "axis=0", "axis=1"),
        new($"{Ms}QuantizeLinear", 1, "f[2,2] f[2]=0.01,0.1 u[2]=0,0", "axis=0", "axis=1"),
        new($"{Ms}EmbedLayerNormalization", 1, "j[1,2]=0,1 _ f[3,4] f[3,4] _ f[4] f[4]", "", "epsilon=0.5"),
        new($"{Ms}FusedGemm", 1, "f[2,2] f[2,2] f[2,2]", "activation='LeakyRelu'", "alpha=0.5 beta=0.5 transA=1 transB=1 activation='Tanh' activation_alpha=0.5"),
        new($"{Ms}FusedMatMul", 1, "f[2,2,2] f[2,2,2]", "", "alpha=0.5 transA=1 transB=1 transBatchA=1 transBatchB=1"),
        new($"{Ms}TransposeMatMul", 1, "f[2,2] f[2,2]", "", "alpha=0.5 transA=1 transB=1"),
        new($"{Ms}GatherBlockQuantized", 1, "u[4,16]=17,34 i[2]=1,2 f[4,2]=1.0,2.0", "bits=4 block_size=16", "bits=8 block_size=32 gather_axis=1 quantize_axis=0"),
        new($"{Ms}MatMulNBits", 1, "f[2,32] u[4,2,8]=17,34 f[8]=1.0,2.0", "K=32 N=4 bits=4 block_size=16", "K=16 N=2 bits=8 block_size=32"),
        .. Each($"{Ms}MoE", [(1, "")], "f[3,4] f[3,4] f[4,8,4]=0.1,-0.2,0.3,0.7,-0.5 _ f[4,4,8]=0.2,0.1,-0.3", "k=1 activation_type='relu'", "k=2 activation_type='silu'"),
        new($"{Ms}MoE", 1, "f[3,4] f[3,4] f[4,8,4]=0.1,-0.2,0.3,0.7,-0.5 _ f[4,4,8]=0.2,0.1,-0.3", "k=2", "normalize_routing_weights=1"),
        new($"{Ms}MoE", 1, "f[3,4] f[3,4] f[4,8,4]=0.1,-0.2,0.3,0.7,-0.5 _ f[4,4,4]=0.2,0.1,-0.3", "activation_type='swiglu' swiglu_fusion=1",
            "swiglu_fusion=2 activation_alpha=1.7 activation_beta=1.0 swiglu_limit=0.05"),
        new($"{Ms}QMoE", 1, "f[3,4] f[3,4] u[4,8,2]=17,99,34,200,5 f[4,8]=0.1,0.2 _ u[4,4,4]=18,90,7 f[4,4]=0.2,0.1", "k=1 activation_type='relu' expert_weight_bits=4", "k=2 activation_type='silu' expert_weight_bits=8"),
        new($"{Ms}QMoE", 1, "f[3,4] f[3,4] u[4,8,2]=17,99,34,200,5 f[4,8]=0.1,0.2 _ u[4,4,4]=18,90,7 f[4,4]=0.2,0.1 _ _ _ _ _ _ _ f[3,4]=0.3,0.2", "k=2", "normalize_routing_weights=1"),
        new($"{Ms}QMoE", 1, "f[3,4] f[3,4] u[4,8,2]=17,99,34,200,5 f[4,8]=0.1,0.2 _ u[4,4,2]=18,90,7 f[4,4]=0.2,0.1", "activation_type='swiglu' swiglu_fusion=1",
            "swiglu_fusion=2 activation_alpha=1.7 activation_beta=1.0 swiglu_limit=0.05"),
        new($"{Ms}QMoE", 1, "f[2,32] f[2,2] u[2,32,16]=17,99,34,200,5 f[2,32,2]=0.1,0.2 _ u[2,32,16]=18,90,7 f[2,32,2]=0.2,0.1", "block_size=16", "block_size=32"),
        new($"{Ms}QLinearConcat", 1, "f[1]=0.1 u[1]=3 u[2,2] f[1]=0.1 u[1]=3 u[2,2] f[1]=0.1 u[1]=3", "axis=0", "axis=1"),
        new($"{Ms}QLinearLeakyRelu", 1, "s[4]=-100,-50,20,30 f[1]=0.1 s[1]=0 f[1]=0.1 s[1]=0", "alpha=0.1", "alpha=0.9"),
        new($"{Ms}QLinearSoftmax", 1, "u[2,3,4] f[1]=0.1 u[1]=0 f[1]=0.004 u[1]=0", "axis=1 opset=13", "axis=2 opset=11"),
        new($"{Ms}QuickGelu", 1, "f[8]", "", "alpha=0.5"),
        new($"{Ms}SkipLayerNormalization", 1, "f[1,2,4] f[1,2,4] f[4] f[4]", "", "epsilon=0.5"),
        new($"{Ms}SkipSimplifiedLayerNormalization", 1, "f[1,2,4] f[1,2,4] f[4]", "", "epsilon=0.5"),
    ];

    private static IEnumerable<AttributeSample> Each(string names, (long Version, string Attributes)[] versions, string inputs, string attributes, string changes, int outputs = 1) =>
        from name in names.Split(' ') from v in versions select new AttributeSample(name, v.Version, inputs, $"{attributes} {v.Attributes}", changes, outputs);
}
