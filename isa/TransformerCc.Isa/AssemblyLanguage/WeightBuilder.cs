using System.Collections.Immutable;
using Antlr4.Runtime;
using TransformerCc.Isa.AssemblyLanguage.Generated;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>The lines <c>.weights hex "…"</c> and <c>.weights zero N</c> one after another, or one <c>.weights external N "sha256"</c>.</summary>
internal sealed class WeightBuilder(AssemblyDiagnostics diagnostics, WeightSection? external)
{
    /// <summary>A weight section is made of bursts.</summary>
    private const int Burst = 64;

    private readonly List<(ImmutableArray<byte> Bytes, long Zeros)> _runs = [];
    private IToken? _first;
    private bool _isExternal;

    public void Add(TasmParser.WeightsContext line)
    {
        if (_isExternal || (_first is not null && line.kind.Text == "external"))
        {
            diagnostics.Report("TCC4112", line.Start, "external weights stand alone");
        }
        _first ??= line.Start;
        switch (line.kind.Text, line.count, line.text)
        {
            case ("hex", null, { } text):
                AddHex(text);
                break;
            case ("zero", { } count, null):
                // What is out of range has been reported; its sum with others must not overflow.
                _runs.Add(([], long.Clamp(diagnostics.Integer(count, 0, WeightText.MaxZeroBytes), 0, WeightText.MaxZeroBytes)));
                break;
            case ("external", { } count, { } digest):
                _isExternal = true;
                CheckExternal(line.Start, diagnostics.Integer(count, 0, long.MaxValue), diagnostics.Unquote(digest));
                break;
            default:
                diagnostics.Report("TCC4112", line.Start, "weights are written as: hex \"00ff…\", or zero N, or external N \"sha256\"");
                break;
        }
    }

    public WeightSection Build()
    {
        if (_isExternal && external is not null)
        {
            return external;
        }
        var weights = new AssembledWeights([.. _runs]);
        if (_first is not null && (weights.Length % Burst != 0 || weights.Length > WeightText.MaxZeroBytes))
        {
            diagnostics.Report("TCC4112", _first, FormattableString.Invariant($"the weights take {weights.Length} bytes: a multiple of {Burst} up to {WeightText.MaxZeroBytes} is expected"));
        }
        return weights;
    }

    private void AddHex(IToken text)
    {
        string digits = diagnostics.Unquote(text);
        if (digits.Length % 2 == 0 && digits.All(char.IsAsciiHexDigit))
        {
            _runs.Add((ImmutableArray.Create(Convert.FromHexString(digits)), 0));
        }
        else
        {
            diagnostics.Report("TCC4112", text, "weights are pairs of hexadecimal digits");
        }
    }

    private void CheckExternal(IToken at, long length, string digest)
    {
        if (external is null)
        {
            diagnostics.Report("TCC4114", at, FormattableString.Invariant($"the {length} bytes of weights are not part of this text"), "name the binary that holds them");
            return;
        }
        using WeightText actual = WeightText.Of(external);
        if (actual.Length != length || actual.Digest != digest)
        {
            diagnostics.Report("TCC4114", at, FormattableString.Invariant($"other weights were given: {actual.Length} bytes of SHA-256 {actual.Digest}"));
        }
    }
}
