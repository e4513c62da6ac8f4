using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A part of a buffer that a statement reads or writes.</summary>
internal readonly record struct BufferAccess(TileBuffer Buffer, AccessedPart Part, bool Writes);

/// <summary>
/// What a statement costs where its lengths have values: that of the instruction it becomes, by the formulas that the
/// timing model has. Addresses have no part in it.
/// </summary>
internal sealed class StatementCost
{
    private readonly TileStatement _statement;
    private readonly DimExpr[] _lengths;
    private readonly long[] _values;
    private InstructionCost? _cost;

    public StatementCost(TileStatement statement)
    {
        _statement = statement;
        (List<DimExpr> lengths, List<BufferAccess> buffers) = ([], []);
        foreach (NamedOperand operand in statement.Operands)
        {
            (DimExpr? length, TileBuffer? buffer) = operand.Value switch
            {
                DimOperand d => (d.Value, null),
                VectorTile v => (v.RowStride, v.Buffer),
                ScratchOperand s => (null, s.Buffer),
                _ => ((DimExpr?)null, (TileBuffer?)null),
            };
            if (length is { IsConstant: false } && !lengths.Contains(length))
            {
                lengths.Add(length);
            }
            if (buffer is not null && new BufferAccess(buffer, AccessedPart.Of(statement, operand), TileStatement.IsWritten(operand.Name)) is var access && !buffers.Contains(access))
            {
                buffers.Add(access);
            }
        }
        (_lengths, _values, Buffers) = ([.. lengths], new long[lengths.Count], [.. buffers]);
    }

    /// <summary>Buffers that the statement reads or writes, and which parts of them.</summary>
    public BufferAccess[] Buffers { get; }

    /// <param name="symbols">Values of dimensions, loop variables and names.</param>
    public InstructionCost Of(ChipDescription chip, IReadOnlyDictionary<string, long> symbols)
    {
        bool same = _cost is not null;
        for (int i = 0; i < _lengths.Length; i++)
        {
            long value = _lengths[i].Evaluate(symbols);
            same &= value == _values[i];
            _values[i] = value;
        }
        if (!same)
        {
            var reader = new Reader(_statement, symbols);
            _cost = InstructionCost.Of(_statement.Kind.Read(ref reader), stackalloc long[Reg.Count], chip);
        }
        return _cost!.Value;
    }

    /// <summary>Reads an instruction whose lengths are immediates and whose places are the start of each memory.</summary>
    private readonly struct Reader(TileStatement statement, IReadOnlyDictionary<string, long> symbols) : IOperandVisitor
    {
        public Reg Reg(string name, Reg? value) => default;

        public byte Byte(string name, byte? value) => (byte)Get<NumberOperand>(name).Value;

        public ushort UInt16(string name, ushort? value) => (ushort)Get<NumberOperand>(name).Value;

        public Dim Dim(string name, Dim? value) => Length(Get<DimOperand>(name).Value);

        public long Int64(string name, long? value) => Get<NumberOperand>(name).Value;

        public int Offset(string name, int? value) => 0;

        public float Float(string name, float? value) => Get<FloatOperand>(name).Value;

        public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed) => new(Get<ScratchOperand>(name).Buffer.Space, 0);

        public DramAddress Dram(string name, DramAddress? value) => default;

        public VectorOperand Vector(string name, VectorOperand? value)
        {
            VectorTile tile = Get<VectorTile>(name);
            return new VectorOperand(new ScratchAddress(tile.Buffer.Space, 0), Length(tile.RowStride), tile.Format, tile.ColumnStride);
        }

        public ElementType Format(string name, ElementType? value) => Get<FormatOperand>(name).Format.Element;

        public WeightFormat Weights(string name, WeightFormat? value) => Get<FormatOperand>(name).Format;

        public Engine Engine(string name, Engine? value) => Get<EngineOperand>(name).Engine;

        public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => (TEnum)System.Enum.ToObject(typeof(TEnum), Get<ChoiceOperand>(name).Value);

        private Dim Length(DimExpr expression) => Isa.Operands.Dim.Of(long.Clamp(expression.Evaluate(symbols), 0, Isa.Operands.Dim.MaxImmediate));

        private T Get<T>(string name) where T : TileOperand => statement.Find(name) as T ?? throw new InvalidOperationException($"tile statement {statement.Kind.Info.Mnemonic} lacks operand {name} of the kind its instruction declares");
    }
}
