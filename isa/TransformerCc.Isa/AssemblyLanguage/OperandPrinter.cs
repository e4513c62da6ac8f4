using System.Globalization;
using System.Text;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>The printing visitor: appends <c> name=value</c> for each operand it is shown.</summary>
internal readonly struct OperandPrinter(StringBuilder text) : IOperandVisitor
{
    public Reg Reg(string name, Reg? value) => Print(name, value);

    public byte Byte(string name, byte? value) => Print(name, value);

    public ushort UInt16(string name, ushort? value) => Print(name, value);

    public Dim Dim(string name, Dim? value) => Print(name, value);

    public long Int64(string name, long? value) => Print(name, value);

    public int Offset(string name, int? value) => Print(name, value);

    public float Float(string name, float? value) => Print(name, value, AssemblyText.Of(value.GetValueOrDefault()));

    public ScratchAddress Scratch(string name, ScratchAddress? value, params ReadOnlySpan<MemorySpace> allowed) => Print(name, value);

    public DramAddress Dram(string name, DramAddress? value) => Print(name, value);

    public VectorOperand Vector(string name, VectorOperand? value) => Print(name, value);

    public ElementType Format(string name, ElementType? value) => Print(name, value, value.GetValueOrDefault().Name());

    public WeightFormat Weights(string name, WeightFormat? value) => Print(name, value);

    public Engine Engine(string name, Engine? value) => Print(name, value, value.GetValueOrDefault().Name());

    public TEnum Enum<TEnum>(string name, TEnum? value) where TEnum : struct, Enum => Print(name, value);

    private T Print<T>(string name, T? value, string? form = null) where T : struct
    {
        T shown = value.GetValueOrDefault();
        text.Append(CultureInfo.InvariantCulture, $" {name}={form ?? (object)shown}");
        return shown;
    }
}
