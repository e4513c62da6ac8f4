using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Reads an instruction's operands from a tile statement: buffers become addresses, expressions immediates or registers.
/// </summary>
internal readonly struct OperandResolver(TileStatement statement, MemoryPlan plan, ScalarRegisters registers) : IOperandVisitor
{
    /// <summary>The pseudo-symbol whose value is the DRAM address of a tensor (or of the weight section).</summary>
    public static string AddressSymbol(DramTensor tensor) => AddressSymbol(tensor.Kind, tensor.Name);

    /// <inheritdoc cref="AddressSymbol(DramTensor)"/>
    public static string AddressSymbol(TensorKind? kind, string name) => kind is null ? WeightBase : "@" + name;

    /// <summary>In a loop of layers: the pseudo-symbol whose value is the address of the iteration's tensor.</summary>
    public static string IterationSymbol(DramTensor tensor) => AddressSymbol(tensor) + "[]";

    public const string WeightBase = "@";

    /// <summary>Every expression of a statement that may need a register.</summary>
    public static IEnumerable<DimExpr> RegisterExpressions(TileStatement statement)
    {
        foreach (NamedOperand operand in statement.Operands)
        {
            IEnumerable<DimExpr> expressions = operand.Value switch
            {
                ScratchOperand s => [WithoutConstant(s.Offset)],
                VectorTile v => [WithoutConstant(v.Offset), v.RowStride],
                DramOperand d => [WithoutConstant(Address(d))],
                PanelOperand p => [PanelBase(p)],
                DimOperand d => [d.Value],
                _ => [],
            };
            foreach (DimExpr e in expressions)
            {
                if (NeedsRegister(e))
                {
                    yield return e;
                }
            }
        }
    }

    /// <summary>False for constants that an immediate holds.</summary>
    public static bool NeedsRegister(DimExpr e) => e.ConstantValue is null or < 0 or > int.MaxValue;

    public Reg Reg(string name, Reg? value) => statement.Find(name) is DefinitionOperand definition ? registers.Define(definition.Name) : registers.Value(Get<DimOperand>(name).Value);

    public byte Byte(string name, byte? value) => checked((byte)Get<NumberOperand>(name).Value);

    public ushort UInt16(string name, ushort? value) => checked((ushort)Get<NumberOperand>(name).Value);

    public Dim Dim(string name, Dim? value) => registers.Operand(Get<DimOperand>(name).Value);

    public long Int64(string name, long? value) => Get<NumberOperand>(name).Value;

    public int Offset(string name, int? value) => checked((int)Get<NumberOperand>(name).Value);

    public float Float(string name, float? value) => Get<FloatOperand>(name).Value;

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        ScratchOperand operand = Get<ScratchOperand>(name);
        return Place(operand.Buffer, operand.Offset);
    }

    public DramAddress Dram(string name, DramAddress? value) => statement.Find(name) switch
    {
        PanelOperand p => new DramAddress(registers.Value(PanelBase(p)), p.Panel.Offset),
        DramOperand d => Split(Address(d)),
        _ => throw Missing(name),
    };

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        VectorTile tile = Get<VectorTile>(name);
        return new VectorOperand(Place(tile.Buffer, tile.Offset), registers.Operand(tile.RowStride), tile.Format, tile.ColumnStride);
    }

    public ElementType Format(string name, ElementType? value) => Get<FormatOperand>(name).Format.Element;

    public WeightFormat Weights(string name, WeightFormat? value) => Get<FormatOperand>(name).Format;

    public Engine Engine(string name, Engine? value) => Get<EngineOperand>(name).Engine;

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => System.Enum.Parse<TEnum>(Get<ChoiceOperand>(name).Text);

    private static DimExpr PanelBase(PanelOperand operand) => DimExpr.Symbol(WeightBase) + operand.Shift;

    private static DimExpr Address(DramOperand operand) => operand.Tensor switch
    {
        { Blob: { } blob } => DimExpr.Symbol(WeightBase) + operand.Offset + (blob.Segment?.Distance ?? DimExpr.Zero) + blob.Offset,
        { Members.Length: > 0 } own => DimExpr.Symbol(IterationSymbol(own)) + operand.Offset,
        var tensor => DimExpr.Symbol(AddressSymbol(tensor)) + operand.Offset,
    };

    private static DimExpr ConstantPart(DimExpr e) => e.Terms.FirstOrDefault(t => t.Factors.Length == 0)?.Coefficient ?? 0;

    /// <summary>The part that goes into the register; a constant that the address field can hold goes there.</summary>
    private static DimExpr WithoutConstant(DimExpr e) => ConstantPart(e).ConstantValue is > 0 and <= DramAddress.MaxOffset ? e - ConstantPart(e) : e;

    private DramAddress Split(DimExpr address)
    {
        DimExpr variable = WithoutConstant(address);
        return new DramAddress(registers.Value(variable), (address - variable).ConstantValue!.Value);
    }

    private ScratchAddress Place(TileBuffer buffer, DimExpr offset)
    {
        DimExpr variable = WithoutConstant(offset);
        long constant = plan.Offsets[buffer] + (offset - variable).ConstantValue!.Value;
        return new ScratchAddress(buffer.Space, checked((uint)constant), registers.Value(variable));
    }

    private T Get<T>(string name) where T : TileOperand => statement.Find(name) as T ?? throw Missing(name);

    private InvalidOperationException Missing(string name) => new($"tile statement {statement.Kind.Info.Mnemonic} lacks operand {name} of the kind its instruction declares");
}
