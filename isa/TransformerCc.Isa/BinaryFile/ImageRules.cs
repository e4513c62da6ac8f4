using System.Globalization;
using System.Text;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>What must hold between the parts of an image. The writer and the reader both ask, so that no file is written that is not read.</summary>
internal static class ImageRules
{
    /// <summary>Every violation.</summary>
    /// <param name="location">The file's path.</param>
    public static DiagnosticList Check(ProgramImage image, string location)
    {
        var diagnostics = new DiagnosticList();
        HashSet<string> dimensions = [.. image.Dimensions.Select(d => d.Name)];
        var inputs = new Dictionary<string, TensorSymbol>(StringComparer.Ordinal);
        foreach (TensorSymbol t in image.Tensors.Where(t => t.Kind == TensorKind.Input))
        {
            inputs.TryAdd(t.Name, t);
        }
        CheckLimits();
        CheckNames("entry point", image.EntryPoints.Select(e => e.Name));
        CheckNames("dimension", image.Dimensions.Select(d => d.Name));
        CheckNames("tensor", image.Tensors.Select(t => t.Name));
        CheckDimensions();
        CheckLimitsOfEntries();
        CheckTensors();
        CheckTags();
        CheckWork();
        foreach ((string code, FormattableString message) in image.Tokenizer is null ? [] : TokenizerSection.Check(image.Tokenizer))
        {
            Report(code, message);
        }
        return diagnostics;

        void Report(string code, FormattableString message) => diagnostics.Add(Diagnostic.Error(code, message.ToString(CultureInfo.InvariantCulture), location));

        void CheckLimits()
        {
            int nameBytes = Encoding.UTF8.GetByteCount(image.ChipName);
            if (nameBytes is 0 or > FileLayout.ChipNameSize || image.ChipName.Contains('\0', StringComparison.Ordinal))
            {
                Report(FileCodes.Chip, $"the chip's name has 1 to {FileLayout.ChipNameSize} bytes, '{image.ChipName}' has {nameBytes}");
            }
            if (image.ChipFingerprint.Length != 2 * FileLayout.FingerprintSize || !image.ChipFingerprint.All(char.IsAsciiHexDigitLower))
            {
                Report(FileCodes.Chip, $"the chip's fingerprint '{image.ChipFingerprint}' is not a SHA-256 of {2 * FileLayout.FingerprintSize} lower-case hexadecimal digits");
            }
            CheckCount("entry points", image.EntryPoints.Length, 1, FileLimits.EntryPoints);
            CheckCount("parameters", image.ParameterCount, 1, FileLimits.Parameters);
            CheckCount("dimensions", image.Dimensions.Length, 0, FileLimits.Dimensions);
            CheckCount("tensors", image.Tensors.Length, 0, FileLimits.Tensors);
            CheckCount("debug entries", image.Debug.Length, 1, FileLimits.DebugEntries);
            CheckCount("nodes with work", image.Work.Length, 0, FileLimits.WorkEntries);
            CheckCount("options", image.Options.Length, 0, FileLimits.Options);
            CheckCount("instructions", image.EntryPoints.Sum(e => (long)e.Instructions.Length), 0, FileLimits.TextBytes / Instruction.Size);
            if (image.Weights.Length < 0 || image.Weights.Length % FileLayout.SectionAlignment != 0)
            {
                Report(FileCodes.SectionPlace, $"the weight section has {image.Weights.Length} bytes, not a multiple of {FileLayout.SectionAlignment}");
            }
            foreach (string text in image.Options.Concat(image.Debug.SelectMany(d => (string[])[d.Operation, d.Node, d.Source])).Concat(image.Work.SelectMany(w => (string[])[w.Node, w.Source])).Where(t => Encoding.UTF8.GetByteCount(t) > FileLimits.LongTextBytes))
            {
                Report(FileCodes.Text, $"a text of {text.Length} characters is longer than {FileLimits.LongTextBytes} bytes");
            }
        }

        void CheckCount(string what, long count, int least, int most)
        {
            if (count < least || count > most)
            {
                Report(FileCodes.Count, $"{count} {what}: {least} to {most} are allowed");
            }
        }

        void CheckNames(string what, IEnumerable<string> names)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (string name in names)
            {
                if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > FileLimits.NameBytes)
                {
                    Report(FileCodes.Text, $"the name of a {what} has 1 to {FileLimits.NameBytes} bytes");
                }
                else if (!seen.Add(name))
                {
                    Report(FileCodes.Duplicate, $"two of the {what}s are named '{name}'");
                }
            }
        }

        void CheckDimensions()
        {
            foreach (DimensionSymbol d in image.Dimensions)
            {
                if (d.Lower < 0 || d.Upper < d.Lower)
                {
                    Report(FileCodes.Symbol, $"dimension '{d.Name}' cannot lie between {d.Lower} and {d.Upper}");
                }
                CheckParameter("dimension", d.Name, d.ParameterIndex);
                CheckExpression($"the default of dimension '{d.Name}'", d.Default);
            }
        }

        void CheckLimitsOfEntries()
        {
            for (int i = 0; i < image.EntryPoints.Length; i++)
            {
                EntryPoint e = image.EntryPoints[i];
                if (i == 0 && e.Limits.Length > 0)
                {
                    Report(FileCodes.Symbol, $"the first entry point '{e.Name}' has limits: some sizes would have no program");
                }
                foreach (EntryLimit limit in e.Limits.Where(l => !image.Dimensions.Any(d => d.Name == l.Dimension && d.Lower <= l.Upper)))
                {
                    Report(FileCodes.Symbol, $"entry point '{e.Name}' limits '{limit.Dimension}' to {limit.Upper}: no dimension can be so");
                }
            }
        }

        void CheckTensors()
        {
            foreach (TensorSymbol t in image.Tensors)
            {
                CheckParameter("tensor", t.Name, t.ParameterIndex);
                CheckState(t);
                if (t.Shape.Length > FileLimits.Rank || t.Shape.Any(d => d.ToString().Length > FileLimits.ExpressionBytes))
                {
                    Report(FileCodes.Count, $"tensor '{t.Name}' has more than {FileLimits.Rank} dimensions, or one whose expression is longer than {FileLimits.ExpressionBytes} characters");
                }
                foreach (DimExpr d in t.Shape.Where(d => !DimExpr.TryParse(d.ToString(), out DimExpr? parsed, out _) || parsed != d))
                {
                    Report(FileCodes.Expression, $"tensor '{t.Name}' has the dimension '{d}', which cannot be read back");
                }
                foreach (string symbol in t.Shape.SelectMany(d => d.Symbols).Distinct().Where(s => !dimensions.Contains(s)))
                {
                    Report(FileCodes.Symbol, $"tensor '{t.Name}' has the dimension '{symbol}', which is not declared");
                }
            }
        }

        void CheckWork()
        {
            HashSet<string> known = [.. dimensions, .. image.Tensors.Where(t => t.Fill is not null).Select(t => t.Name)];
            foreach (NodeWork work in image.Work)
            {
                CheckReadable($"the work of node '{work.Node}'", work.MultiplyAdds);
                CheckReadable($"the bytes of node '{work.Node}'", work.Bytes);
                foreach (string symbol in work.MultiplyAdds.Symbols.Concat(work.Bytes.Symbols).Where(s => !known.Contains(s)).Take(1))
                {
                    Report(FileCodes.Symbol, $"the work of node '{work.Node}' speaks of '{symbol}', which is neither a dimension nor an input that may be left out");
                }
            }
        }

        void CheckReadable(string what, DimExpr e)
        {
            if (e.ToString().Length > FileLimits.ExpressionBytes || !DimExpr.TryParse(e.ToString(), out DimExpr? parsed, out _) || parsed != e)
            {
                Report(FileCodes.Expression, $"{what} cannot be read back");
            }
        }

        void CheckExpression(string what, DimExpr? e)
        {
            if (e is null)
            {
                return;
            }
            CheckReadable(what, e);
            foreach (string symbol in e.Symbols.Where(s => !dimensions.Contains(s)))
            {
                Report(FileCodes.Symbol, $"{what} speaks of '{symbol}', which is not declared");
            }
        }

        void CheckState(TensorSymbol t)
        {
            CheckExpression($"the fill of tensor '{t.Name}'", t.Fill);
            if (t.Fill is not null && (t.Kind != TensorKind.Input || t.Type.IsFloat()))
            {
                Report(FileCodes.State, $"tensor '{t.Name}' has a fill and is no integer input");
            }
            if (t.State is null != (t.Kind != TensorKind.State))
            {
                Report(FileCodes.State, $"tensor '{t.Name}' is a state without a description, or the reverse");
            }
            if (t.State is not { } state)
            {
                return;
            }
            CheckExpression($"the length of state '{t.Name}'", state.Length);
            CheckExpression($"the positions of state '{t.Name}'", state.Positions);
            TensorSymbol? past = inputs.GetValueOrDefault(state.Past);
            if (t.Shape.Length != StateDescription.Rank || state.Window < 0 || (state.Mode == StateMode.Circular && state.Window == 0)
                || past is not { Type: ElementType.I64, Shape: [var sequences] } || (state.Mode != StateMode.Paged && sequences != t.Shape[StateDescription.BatchAxis]))
            {
                Report(FileCodes.State, $"state '{t.Name}' needs {StateDescription.Rank} dimensions, a window if it is circular, and an i64 input that counts the positions of each sequence; it names '{state.Past}'");
            }
            else if (state.Mode == StateMode.Paged && (state.Positions is null || t.Shape[StateDescription.SlotAxis].ConstantValue is not > 0 || inputs.GetValueOrDefault(StateDescription.PageTable) is not { Type: ElementType.I64, Fill: not null, Shape: [var rows, _] } || rows != sequences))
            {
                Report(FileCodes.State, $"state '{t.Name}' is paged: it needs pages of a constant size, the most positions of a sequence, and the integer input '{StateDescription.PageTable}' with the pages of each sequence");
            }
        }

        // Word 0 is the address of the weight section.
        void CheckParameter(string what, string name, int index)
        {
            if (index < 1 || index >= image.ParameterCount)
            {
                Report(FileCodes.ParameterRange, $"{what} '{name}' has parameter {index}, the block's words for symbols are 1 to {image.ParameterCount - 1}");
            }
        }

        void CheckTags()
        {
            foreach (EntryPoint e in image.EntryPoints)
            {
                int at = 0;
                while (at < e.Instructions.Length && e.Instructions[at].Tag < image.Debug.Length)
                {
                    at++;
                }
                if (at < e.Instructions.Length)
                {
                    Report(FileCodes.Tag, $"entry point '{e.Name}', instruction {at}: source tag {e.Instructions[at].Tag}, the debug table has {image.Debug.Length} entries");
                }
            }
        }
    }
}
