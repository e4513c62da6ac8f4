using System.Globalization;
using System.Text;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>Prints programs in the assembly language; <see cref="Assembler"/> reads the same program back.</summary>
public static class Disassembler
{
    /// <summary>A whole image. Weights that are neither few nor zero appear as length and SHA-256 only.</summary>
    /// <param name="image">What to print.</param>
    /// <param name="withSource">Adds a comment with the model's node wherever the source tag changes.</param>
    public static string Print(ProgramImage image, bool withSource = false)
    {
        ArgumentNullException.ThrowIfNull(image);
        var text = new StringBuilder();
        Line(text, $".chip {Quote(image.ChipName)} {Quote(image.ChipFingerprint)}");
        foreach (string option in image.Options)
        {
            Line(text, $".option {Quote(option)}");
        }
        Line(text, $".parameters {image.ParameterCount}");
        foreach (DimensionSymbol d in image.Dimensions)
        {
            Line(text, $".dimension {Quote(d.Name)} {d.Lower} {d.Upper} {d.ParameterIndex}");
        }
        foreach (DimensionSymbol d in image.Dimensions.Where(d => d.Default is not null))
        {
            Line(text, $".default {Quote(d.Name)} {Size(d.Default!)}");
        }
        foreach (TensorSymbol t in image.Tensors)
        {
            Line(text, $".tensor {Quote(t.Name)} {KindName(t.Kind)} {t.Type.Name()} [{string.Join(", ", t.Shape.Select(Size))}] {t.ParameterIndex}");
            if (t.Fill is not null)
            {
                Line(text, $".fill {Quote(t.Name)} {Size(t.Fill)}");
            }
            if (t.State is { } state)
            {
                Line(text, $".state {Quote(t.Name)} {ModeName(state.Mode)} {Quote(state.Past)} {Size(state.Length)} {state.Window}{(state.Positions is { } positions ? $" {Size(positions)}" : "")}");
            }
        }
        PrintWeights(text, image.Weights);
        for (int i = 0; i < image.Debug.Length; i++)
        {
            DebugEntry d = image.Debug[i];
            Line(text, $".debug {Quote(d.Operation)} {Quote(d.Node)} {Quote(d.Source)}  # {i}");
        }
        foreach (NodeWork w in image.Work)
        {
            Line(text, $".work {Quote(w.Node)} {Quote(w.Source)} {ClassName(w.Class)} {Size(w.MultiplyAdds)} {Size(w.Bytes)}");
        }
        foreach (EntryPoint entry in image.EntryPoints)
        {
            text.Append('\n');
            PrintEntry(text, entry, withSource ? image.Debug : []);
        }
        return text.ToString();
    }

    /// <summary>One entry point: a line for each instruction, bodies of loops indented.</summary>
    public static string Print(EntryPoint entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var text = new StringBuilder();
        PrintEntry(text, entry, []);
        return text.ToString();
    }

    /// <summary>One instruction without indentation, e.g. <c>vsoftmax dst=asp[0x40]:f32:row=256 … tag=12</c>.</summary>
    public static string Print(Instruction instruction)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        var text = new StringBuilder(instruction.Information.Mnemonic);
        var printer = new OperandPrinter(text);
        instruction.Visit(ref printer);
        if (instruction.Acquires.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" acquire={instruction.Acquires}");
        }
        if (instruction.Releases.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" release={instruction.Releases}");
        }
        if (instruction.Tag != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" tag={instruction.Tag}");
        }
        return text.ToString();
    }

    internal static string KindName(TensorKind kind) => kind switch { TensorKind.Input => "input", TensorKind.Output => "output", TensorKind.State => "state", _ => "scratch" };

    internal static string ModeName(StateMode mode) => mode switch { StateMode.Append => "append", StateMode.Circular => "circular", _ => "paged" };

    internal static string ClassName(MacClass format) => format switch { MacClass.F32 => "f32", MacClass.BF16 => "bf16", MacClass.F8 => "f8", _ => "i8" };

    private static string Size(DimExpr size) => size.ConstantValue is >= 0 ? size.ToString() : Quote(size.ToString());

    private static void PrintEntry(StringBuilder text, EntryPoint entry, IReadOnlyList<DebugEntry> debug)
    {
        Line(text, $".entry {Quote(entry.Name)}");
        foreach (EntryLimit limit in entry.Limits)
        {
            Line(text, $".limit {Quote(limit.Dimension)} {limit.Upper}");
        }
        var ends = new Stack<long>(); // index after the body, of each loop around the instruction
        int tag = 0;
        for (int i = 0; i < entry.Instructions.Length; i++)
        {
            while (ends.TryPeek(out long end) && i >= end)
            {
                ends.Pop();
            }
            Instruction instruction = entry.Instructions[i];
            // A damaged program may claim any nesting: the indentation stops where the machine does.
            text.Append(' ', 2 * (1 + int.Min(ends.Count, Loop.MaxDepth))).Append(Print(instruction));
            if (instruction.Tag != tag && instruction.Tag != 0 && instruction.Tag < debug.Count)
            {
                DebugEntry d = debug[instruction.Tag];
                text.Append(CultureInfo.InvariantCulture, $"  # {Quote(d.Operation)} {Quote(d.Node)} from {Quote(d.Source)}");
            }
            tag = instruction.Tag;
            text.Append('\n');
            if (instruction is Loop loop)
            {
                ends.Push(i + 1L + loop.Body);
            }
        }
    }

    private static void PrintWeights(StringBuilder text, WeightSection section)
    {
        if (section.Length == 0)
        {
            return;
        }
        using WeightText weights = WeightText.Of(section);
        if (weights.IsZero && weights.Length <= WeightText.MaxZeroBytes)
        {
            Line(text, $".weights zero {weights.Length}");
        }
        else if (weights.Length > WeightText.MaxHexBytes)
        {
            Line(text, $".weights external {weights.Length} \"{weights.Digest}\"");
        }
        else
        {
            ReadOnlySpan<byte> bytes = weights.Head;
            for (int at = 0; at < bytes.Length; at += 64)
            {
                Line(text, $".weights hex \"{Convert.ToHexStringLower(bytes[at..int.Min(at + 64, bytes.Length)])}\"");
            }
        }
    }

    private static string Quote(string text) => AssemblyText.Quote(text);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
