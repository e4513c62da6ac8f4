using System.Collections.Immutable;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Runtime;

/// <summary>Small programs from instruction records, with tensors and dimensions added by name.</summary>
internal sealed class TestProgram
{
    private readonly List<Instruction> _code = [];
    private readonly List<DimensionSymbol> _dimensions = [];
    private readonly List<TensorSymbol> _tensors = [];
    private int _parameters = 1;

    public static ChipDescription Chip { get; } = ChipDescriptions.Load("tx1-edge");

    public byte[] Weights { get; set; } = [];

    public ImmutableArray<DebugEntry> Debug { get; set; } = [new("", "", "")];

    /// <summary>Declares a dimension; gives its parameter.</summary>
    public int Dimension(string name, long lower, long upper)
    {
        _dimensions.Add(new(name, lower, upper, _parameters));
        return _parameters++;
    }

    /// <summary>Declares a tensor; gives its parameter.</summary>
    public int Tensor(string name, TensorKind kind, ElementType type, params DimExpr[] shape)
    {
        _tensors.Add(new(name, kind, type, [.. shape], _parameters));
        return _parameters++;
    }

    public TestProgram Add(params Instruction[] instructions)
    {
        _code.AddRange(instructions);
        return this;
    }

    public ProgramImage Image() => new()
    {
        ChipName = Chip.Name,
        ChipFingerprint = ChipDescriptions.Fingerprint(Chip),
        EntryPoints = [new EntryPoint("main", [.. _code, new Halt()])],
        ParameterCount = _parameters,
        Dimensions = [.. _dimensions],
        Tensors = [.. _tensors],
        Weights = new BytesWeightSection(Weights),
        Debug = Debug,
        Options = [],
    };

    public RunResult Run(IReadOnlyDictionary<string, Tensor>? inputs = null, RunOptions? options = null)
    {
        using LoadedProgram program = LoadedProgram.Load(Image(), Chip, prove: false);
        return new Session(program).Run(inputs ?? new Dictionary<string, Tensor>(), options);
    }

    public static Tensor Floats(ReadOnlySpan<long> shape, params ReadOnlySpan<float> values) => TransformerCc.Isa.Tensors.Tensor.From(ElementType.F32, shape, values);

    /// <summary>A contiguous block between DRAM and a scratchpad: one dimension is enough for most tests.</summary>
    public static Dim3 Line(Dim count) => new(1, 1, count);

    public static Dim3 Bytes(int size) => new(0, 0, size);
}
