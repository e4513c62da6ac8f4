using System.Collections.Immutable;
using TransformerCc.Isa.AssemblyLanguage.Generated;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>Collects the lines of one entry point; builds the instructions when every label is known.</summary>
internal sealed class EntryBuilder(string name, AssemblyDiagnostics diagnostics)
{
    private readonly List<TasmParser.InstructionContext> _lines = [];
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);

    public string Name => name;

    public List<EntryLimit> Limits { get; } = [];

    public void Add(TasmParser.LineContext line)
    {
        if (line.instruction() is { } instruction)
        {
            _lines.Add(instruction);
        }
        else if (line.label() is { } label && !_labels.TryAdd(label.NAME().GetText(), _lines.Count))
        {
            diagnostics.Report("TCC4111", label.Start, $"label '{label.NAME().GetText()}' is set twice");
        }
    }

    public EntryPoint Build()
    {
        var instructions = ImmutableArray.CreateBuilder<Instruction>(_lines.Count);
        for (int i = 0; i < _lines.Count; i++)
        {
            if (InstructionSet.FindMnemonic(_lines[i].mnemonic.Text) is not { } kind)
            {
                diagnostics.Report("TCC4111", _lines[i].mnemonic, $"there is no instruction '{_lines[i].mnemonic.Text}'", "the instructions: tcc isa");
                continue;
            }
            var operands = new OperandParser(_lines[i], i, _labels, diagnostics);
            instructions.Add(operands.Header(kind.Read(ref operands)));
        }
        return new(name, instructions.ToImmutable()) { Limits = [.. Limits] };
    }
}
