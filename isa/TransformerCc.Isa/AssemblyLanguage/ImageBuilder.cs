using System.Collections.Immutable;
using Antlr4.Runtime;
using TransformerCc.Isa.AssemblyLanguage.Generated;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>Builds an image line by line, then checks what the lines say about each other.</summary>
internal sealed class ImageBuilder(AssemblyDiagnostics diagnostics, WeightSection? externalWeights)
{
    private readonly List<string> _options = [];
    private readonly List<(DimensionSymbol Symbol, IToken At)> _dimensions = [];
    private readonly List<(TensorSymbol Symbol, IToken At)> _tensors = [];
    private readonly List<DebugEntry> _debug = [];
    private readonly List<NodeWork> _work = [];
    private readonly List<(EntryBuilder Entry, IToken At)> _entries = [];
    private readonly WeightBuilder _weights = new(diagnostics, externalWeights);
    private string? _chip;
    private string? _fingerprint;
    private int _parameters;

    public void Add(TasmParser.LineContext line)
    {
        switch (line.directive())
        {
            case TasmParser.ChipContext c:
                AddChip(c);
                break;
            case TasmParser.OptionContext o:
                _options.Add(Text(o.text));
                break;
            case TasmParser.ParametersContext p:
                _parameters = (int)Number(p.count, 0, int.MaxValue);
                break;
            case TasmParser.DimensionContext d:
                _dimensions.Add((new(Text(d.name), Number(d.lower), Number(d.upper), (int)Number(d.parameter, 0, int.MaxValue)), d.name));
                break;
            case TasmParser.TensorContext t:
                _tensors.Add((new(Text(t.name), Kind(t.kind), Format(t.type), [.. t.shape().dimensionSize().Select(Size)], (int)Number(t.parameter, 0, int.MaxValue)), t.name));
                break;
            case TasmParser.DefaultValueContext d:
                Change(_dimensions, s => s.Name, d.name, s => s with { Default = Size(d.dimensionSize()) });
                break;
            case TasmParser.FillContext f:
                Change(_tensors, s => s.Name, f.name, s => s with { Fill = Size(f.dimensionSize()) });
                break;
            case TasmParser.StateContext s:
                Change(_tensors, t => t.Name, s.name, t => t with { State = new(Mode(s.kind), Text(s.past), Size(s.length), Number(s.window, 0)) { Positions = s.positions is { } most ? Size(most) : null } });
                break;
            case TasmParser.LimitContext l:
                AddLimit(l);
                break;
            case TasmParser.WeightsContext w:
                _weights.Add(w);
                break;
            case TasmParser.DebugContext d:
                _debug.Add(new(Text(d.operation), Text(d.node), Text(d.source)));
                break;
            case TasmParser.WorkContext w:
                _work.Add(new(Text(w.node), Text(w.source), Class(w.kind), Size(w.macs), Size(w.bytes)));
                break;
            case TasmParser.EntryContext e:
                _entries.Add((new(Text(e.name), diagnostics), e.name));
                break;
            default:
                AddToEntry(line);
                break;
        }
    }

    /// <summary>The image; meaningless when something was reported.</summary>
    public ProgramImage? Build()
    {
        if (_chip is null)
        {
            diagnostics.Report("TCC4112", "there is no .chip directive");
        }
        if (_entries.Count == 0)
        {
            diagnostics.Report("TCC4112", "there is no .entry directive");
        }
        if (_debug.Count == 0)
        {
            _debug.Add(new("", "", "")); // source tag 0: no source
        }
        CheckSymbols();
        RefuseRepeated("entry point", _entries.Select(e => (e.Entry.Name, e.At)));
        ImmutableArray<EntryPoint> entries = [.. _entries.Select(e => e.Entry.Build())];
        foreach (Instruction untraceable in entries.SelectMany(e => e.Instructions).Where(i => i.Tag >= _debug.Count).Take(1))
        {
            diagnostics.Report("TCC4112", FormattableString.Invariant($"tag {untraceable.Tag} has no .debug line: there are {_debug.Count}"));
        }
        return new()
        {
            ChipName = _chip ?? "",
            ChipFingerprint = _fingerprint ?? "",
            EntryPoints = entries,
            ParameterCount = _parameters,
            Dimensions = [.. _dimensions.Select(d => d.Symbol)],
            Tensors = [.. _tensors.Select(t => t.Symbol)],
            Weights = _weights.Build(),
            Debug = [.. _debug],
            Work = [.. _work],
            Options = [.. _options],
        };
    }

    /// <summary>Adds to what an earlier line declared.</summary>
    private void Change<T>(List<(T Symbol, IToken At)> symbols, Func<T, string> nameOf, IToken name, Func<T, T> change)
    {
        int at = symbols.FindLastIndex(s => nameOf(s.Symbol) == Text(name));
        if (at < 0)
        {
            diagnostics.Report("TCC4112", name, $"{name.Text} is declared nowhere above");
            return;
        }
        symbols[at] = (change(symbols[at].Symbol), symbols[at].At);
    }

    private void AddLimit(TasmParser.LimitContext line)
    {
        if (_entries.Count == 0)
        {
            diagnostics.Report("TCC4112", line.Start, "a limit stands before the first .entry");
            return;
        }
        _entries[^1].Entry.Limits.Add(new(Text(line.name), Number(line.upper, 0)));
    }

    private void AddToEntry(TasmParser.LineContext line)
    {
        if (_entries.Count == 0)
        {
            diagnostics.Report("TCC4112", line.Start, "an instruction stands before the first .entry");
            return;
        }
        _entries[^1].Entry.Add(line);
    }

    private void AddChip(TasmParser.ChipContext line)
    {
        if (_chip is not null)
        {
            diagnostics.Report("TCC4112", line.Start, "the chip is named twice");
        }
        _chip = Text(line.name);
        _fingerprint = line.fingerprint is { } given ? Text(given)
            : ChipDescriptions.Presets.FirstOrDefault(c => c.Name == _chip) is { } preset ? ChipDescriptions.Fingerprint(preset)
            : null;
        if (_fingerprint is null)
        {
            diagnostics.Report("TCC4112", line.name, $"'{_chip}' is no preset, so its fingerprint must follow", "tcc chips FILE.json prints it");
        }
    }

    private void CheckSymbols()
    {
        RefuseRepeated("dimension", _dimensions.Select(d => (d.Symbol.Name, d.At)));
        RefuseRepeated("tensor", _tensors.Select(t => (t.Symbol.Name, t.At)));
        foreach ((DimensionSymbol d, IToken at) in _dimensions)
        {
            CheckParameter(d.ParameterIndex, at);
            if (d.Lower < 0 || d.Lower > d.Upper)
            {
                diagnostics.Report("TCC4112", at, FormattableString.Invariant($"a dimension cannot lie between {d.Lower} and {d.Upper}"));
            }
        }
        HashSet<string> names = [.. _dimensions.Select(d => d.Symbol.Name)];
        foreach ((TensorSymbol t, IToken at) in _tensors)
        {
            CheckParameter(t.ParameterIndex, at);
            foreach (string unknown in t.Shape.SelectMany(s => s.Symbols).Where(s => !names.Contains(s)).Distinct())
            {
                diagnostics.Report("TCC4112", at, $"there is no dimension '{unknown}'");
            }
        }
    }

    private void CheckParameter(int index, IToken at)
    {
        if (index >= _parameters)
        {
            diagnostics.Report("TCC4112", at, FormattableString.Invariant($"parameter {index} does not exist: .parameters says {_parameters}"));
        }
    }

    private void RefuseRepeated(string what, IEnumerable<(string Name, IToken At)> named)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string name, IToken at) in named.Where(n => !seen.Add(n.Name)))
        {
            diagnostics.Report("TCC4112", at, $"{what} '{name}' appears twice");
        }
    }

    private DimExpr Size(TasmParser.DimensionSizeContext size)
    {
        if (size.NUMBER() is { } number)
        {
            return Number(number.Symbol);
        }
        string text = Text(size.Start);
        if (DimExpr.TryParse(text, out DimExpr? expression, out string? error))
        {
            return expression;
        }
        diagnostics.Report("TCC4112", size.Start, $"'{text}' is no dimension expression: {error}");
        return DimExpr.Zero;
    }

    private TensorKind Kind(IToken word) => Named<TensorKind>(word, Disassembler.KindName);

    private MacClass Class(IToken word) => Named<MacClass>(word, Disassembler.ClassName);

    private StateMode Mode(IToken word) => Named<StateMode>(word, Disassembler.ModeName);

    /// <summary>The value that the disassembler writes as a word.</summary>
    private TEnum Named<TEnum>(IToken word, Func<TEnum, string> name)
        where TEnum : struct, Enum
    {
        foreach (TEnum value in Enum.GetValues<TEnum>())
        {
            if (name(value) == word.Text)
            {
                return value;
            }
        }
        diagnostics.Report("TCC4112", word, $"'{word.Text}' is none of {string.Join(", ", Enum.GetValues<TEnum>().Select(name))}");
        return default;
    }

    private ElementType Format(IToken word)
    {
        if (!ElementTypes.TryParse(word.Text, out ElementType type))
        {
            diagnostics.Report("TCC4112", word, $"there is no format '{word.Text}'");
        }
        return type;
    }

    private string Text(IToken quoted) => diagnostics.Unquote(quoted);

    private long Number(IToken number, long minimum = long.MinValue, long maximum = long.MaxValue) => diagnostics.Integer(number, minimum, maximum);
}
