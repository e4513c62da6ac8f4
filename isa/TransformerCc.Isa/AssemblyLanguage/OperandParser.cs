using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Antlr4.Runtime;
using TransformerCc.Isa.AssemblyLanguage.Generated;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>
/// The parsing visitor: looks each operand it is asked for up by name in one line of text. What is missing or wrong is
/// reported, and a default takes its place.
/// </summary>
internal readonly struct OperandParser(TasmParser.InstructionContext line, int index, IReadOnlyDictionary<string, int> labels, AssemblyDiagnostics diagnostics) : IOperandVisitor
{
    private readonly Dictionary<string, TasmParser.ValueContext> _values = Collect(line, diagnostics);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public Reg Reg(string name, Reg? value) => TryWord(name, out IToken? word) ? ToReg(name, word) : Expected<Reg>(name, "a register s0 to s63");

    public byte Byte(string name, byte? value) => (byte)Integer(name, 0, byte.MaxValue);

    public ushort UInt16(string name, ushort? value) => (ushort)Integer(name, 0, ushort.MaxValue);

    public Dim Dim(string name, Dim? value) =>
        TryWord(name, out IToken? word) ? ToReg(name, word)
        : TryNumber(name, 0, Operands.Dim.MaxImmediate, out long number) ? Operands.Dim.Of(number)
        : Expected<Dim>(name, "a register or a number from 0 to 2147483647");

    public long Int64(string name, long? value) => Integer(name, long.MinValue, long.MaxValue);

    public int Offset(string name, int? value)
    {
        if (TryNumber(name, 0, int.MaxValue, out long number))
        {
            return (int)number;
        }
        return TryWord(name, out IToken? word) && labels.TryGetValue(word.Text, out int target) && target > index
            ? target - index - 1
            : Expected<int>(name, "a count of instructions, or a label further down in this entry point,");
    }

    public float Float(string name, float? value) =>
        Find(name) is { } v && AssemblyText.TryFloat(v.GetText(), out float number) ? number : Expected<float>(name, "a number, inf, -inf or 32 bits as 0x…");

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed)
    {
        if (Find(name) is TasmParser.AddressContext address && address.attribute().Length == 0)
        {
            foreach (MemorySpace space in allowed)
            {
                if (ScratchAddress.SpaceName(space) == address.space.Text)
                {
                    return ToScratch(name, space, address);
                }
            }
        }
        return Expected<ScratchAddress>(name, $"an address in {string.Join(" or ", allowed.ToArray().Select(ScratchAddress.SpaceName))}");
    }

    public DramAddress Dram(string name, DramAddress? value)
    {
        if (Find(name) is TasmParser.AddressContext address && address.attribute().Length == 0 && address.space.Text == ScratchAddress.SpaceName(MemorySpace.Dram))
        {
            (Reg register, long offset) = ToPlace(name, address, DramAddress.MaxOffset);
            return new(register, offset);
        }
        return Expected<DramAddress>(name, "an address in dram");
    }

    public VectorOperand Vector(string name, VectorOperand? value)
    {
        if (Find(name) is not TasmParser.AddressContext address || address.attribute() is not { Length: 2 or 3 } attributes
            || !ElementTypes.TryParse(attributes[0].GetText(), out ElementType format)
            || !attributes[1].GetText().StartsWith("row=", StringComparison.Ordinal)
            || (attributes.Length == 3 && attributes[2].GetText() != "col=0")
            || (address.space.Text != "asp" && address.space.Text != "acc"))
        {
            return Expected<VectorOperand>(name, "an operand of the vector engine such as asp[0x40]:f32:row=256 or acc[s3]:f32:row=0:col=0");
        }
        MemorySpace space = address.space.Text == "asp" ? MemorySpace.Asp : MemorySpace.Acc;
        Dim stride = attributes[1].word is { } word ? ToReg(name, word)
            : AssemblyText.TryInteger(attributes[1].number.Text, 0, Operands.Dim.MaxImmediate, out long number) ? Operands.Dim.Of(number)
            : Expected<Dim>(name, "a row stride from 0 to 2147483647");
        return new(ToScratch(name, space, address), stride, format, (byte)(attributes.Length == 3 ? 0 : 1));
    }

    public ElementType Format(string name, ElementType? value) =>
        TryWord(name, out IToken? word) && ElementTypes.TryParse(word.Text, out ElementType type) ? type : Expected<ElementType>(name, "a format such as f32, bf16 or i64");

    public WeightFormat Weights(string name, WeightFormat? value) =>
        TryWord(name, out IToken? word) && WeightFormat.TryParse(word.Text, out WeightFormat format) ? format : Expected<WeightFormat>(name, "a format of weights such as f32, bf16 or q4_k");

    public Engine Engine(string name, Engine? value) => Choice<Engine>(name, e => e.Name());

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => Choice<TEnum>(name, e => e.ToString());

    /// <summary>Adds the header; reports names that neither operands nor header have. Called after the operands were read.</summary>
    public Instruction Header(Instruction instruction)
    {
        Instruction complete = instruction with
        {
            Tag = Find("tag") is null ? (ushort)0 : UInt16("tag", null),
            Acquires = Semaphores("acquire"),
            Releases = Semaphores("release"),
        };
        foreach (TasmParser.OperandContext operand in line.operand())
        {
            if (!_asked.Contains(operand.key.Text))
            {
                diagnostics.Report("TCC4111", operand.key, $"{line.mnemonic.Text} has no operand '{operand.key.Text}'");
            }
        }
        return complete;
    }

    private SemaphoreList Semaphores(string name)
    {
        SemaphoreList list = default;
        if (Find(name) is not { } value)
        {
            return list;
        }
        string[] numbers = value.GetText().Split(',');
        foreach (string number in numbers)
        {
            if (numbers.Length > Instruction.MaxSemaphores || !AssemblyText.TryInteger(number, 1, byte.MaxValue, out long semaphore))
            {
                return Expected<SemaphoreList>(name, "one to four semaphores from 1 to 255, such as 3,5");
            }
            list = list.Add((byte)semaphore);
        }
        return list;
    }

    private static Dictionary<string, TasmParser.ValueContext> Collect(TasmParser.InstructionContext line, AssemblyDiagnostics diagnostics)
    {
        var values = new Dictionary<string, TasmParser.ValueContext>(StringComparer.Ordinal);
        foreach (TasmParser.OperandContext operand in line.operand())
        {
            if (!values.TryAdd(operand.key.Text, operand.value()))
            {
                diagnostics.Report("TCC4111", operand.key, $"operand '{operand.key.Text}' is given twice");
            }
        }
        return values;
    }

    private TasmParser.ValueContext? Find(string name)
    {
        _asked.Add(name);
        return _values.GetValueOrDefault(name);
    }

    private bool TryWord(string name, [NotNullWhen(true)] out IToken? word)
    {
        word = (Find(name) as TasmParser.WordContext)?.Start;
        return word is not null;
    }

    private bool TryNumber(string name, long minimum, long maximum, out long number)
    {
        number = 0;
        return Find(name) is TasmParser.NumbersContext n && AssemblyText.TryInteger(n.GetText(), minimum, maximum, out number);
    }

    private long Integer(string name, long minimum, long maximum) =>
        TryNumber(name, minimum, maximum, out long number) ? number : Expected<byte>(name, FormattableString.Invariant($"a number from {minimum} to {maximum}"));

    private TEnum Choice<TEnum>(string name, Func<TEnum, string> text) where TEnum : struct, Enum
    {
        TEnum[] all = System.Enum.GetValues<TEnum>();
        int at = TryWord(name, out IToken? word) ? Array.FindIndex(all, e => text(e) == word.Text) : -1;
        return at >= 0 ? all[at] : Expected<TEnum>(name, "one of " + string.Join(", ", all.Select(text)));
    }

    private ScratchAddress ToScratch(string name, MemorySpace space, TasmParser.AddressContext address)
    {
        (Reg register, long offset) = ToPlace(name, address, uint.MaxValue);
        return new(space, (uint)offset, register);
    }

    private (Reg Register, long Offset) ToPlace(string name, TasmParser.AddressContext address, long maxOffset)
    {
        TasmParser.PlaceContext place = address.place();
        Reg register = place.register is null ? default : ToReg(name, place.register);
        long offset = 0;
        if (place.offset is not null && !AssemblyText.TryInteger(place.offset.Text, 0, maxOffset, out offset))
        {
            Expected<byte>(name, FormattableString.Invariant($"an offset from 0 to {maxOffset}"));
        }
        return (register, offset);
    }

    private Reg ToReg(string name, IToken word) =>
        word.Text[0] == 's' && byte.TryParse(word.Text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out byte register) && register < Operands.Reg.Count
            ? new(register)
            : Expected<Reg>(name, "a register s0 to s63");

    private T Expected<T>(string name, string what) where T : struct
    {
        TasmParser.ValueContext? value = _values.GetValueOrDefault(name);
        diagnostics.Report("TCC4111", value?.Start ?? line.mnemonic, value is null
            ? $"{line.mnemonic.Text}: operand '{name}' is missing: {what} is expected"
            : $"{line.mnemonic.Text}: operand '{name}': {what} is expected, not '{value.GetText()}'");
        return default;
    }
}
