using System.Collections.Immutable;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>The contents of the small sections: each is written and read by two methods that stand together.</summary>
internal static class ImageSections
{
    public static void WriteEntries(SectionWriter w, ImmutableArray<EntryPoint> entries)
    {
        w.UInt32(entries.Length);
        foreach (EntryPoint e in entries)
        {
            w.Text(e.Name);
            w.UInt32(e.Instructions.Length);
            w.UInt32(e.Limits.Length);
            foreach (EntryLimit limit in e.Limits)
            {
                w.Text(limit.Dimension);
                w.Int64(limit.Upper);
            }
        }
    }

    public static (string Name, int Instructions, EntryLimit[] Limits)[] ReadEntries(ref SectionReader r)
    {
        var entries = new (string, int, EntryLimit[])[r.Count("the number of entry points", FileLimits.EntryPoints, 12)];
        for (int i = 0; i < entries.Length; i++)
        {
            string name = r.Text("the name of an entry point", FileLimits.NameBytes);
            int instructions = r.UInt32("a number of instructions", FileLimits.TextBytes / Instructions.Instruction.Size);
            var limits = new EntryLimit[r.Count("the number of limits", FileLimits.Dimensions, 12)];
            for (int k = 0; k < limits.Length; k++)
            {
                limits[k] = new(r.Text("the dimension of a limit", FileLimits.NameBytes), r.Int64("a limit"));
            }
            entries[i] = (name, instructions, limits);
        }
        r.End();
        return entries;
    }

    public static void WriteSymbols(SectionWriter w, ProgramImage image)
    {
        w.UInt32(image.ParameterCount);
        w.UInt32(image.Dimensions.Length);
        foreach (DimensionSymbol d in image.Dimensions)
        {
            w.Text(d.Name);
            w.Int64(d.Lower);
            w.Int64(d.Upper);
            w.UInt32(d.ParameterIndex);
            WriteOptional(w, d.Default);
        }
        w.UInt32(image.Tensors.Length);
        foreach (TensorSymbol t in image.Tensors)
        {
            w.Text(t.Name);
            w.UInt32((int)t.Kind);
            w.UInt32((int)t.Type);
            w.UInt32(t.ParameterIndex);
            w.UInt32(t.Shape.Length);
            foreach (DimExpr d in t.Shape)
            {
                w.Text(d.ToString());
            }
            WriteOptional(w, t.Fill);
            w.UInt32(t.State is null ? 0 : 1);
            if (t.State is { } state)
            {
                w.UInt32((int)state.Mode);
                w.Text(state.Past);
                w.Text(state.Length.ToString());
                w.Int64(state.Window);
                WriteOptional(w, state.Positions);
            }
        }
    }

    public static (int Parameters, ImmutableArray<DimensionSymbol> Dimensions, ImmutableArray<TensorSymbol> Tensors) ReadSymbols(ref SectionReader r)
    {
        int parameters = r.UInt32("the number of parameters", FileLimits.Parameters);
        var dimensions = new DimensionSymbol[r.Count("the number of dimensions", FileLimits.Dimensions, 28)];
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = new(r.Text("the name of a dimension", FileLimits.NameBytes), r.Int64("a lower bound"), r.Int64("an upper bound"), r.UInt32("a parameter index", int.MaxValue)) { Default = ReadOptional(ref r) };
        }
        var tensors = new TensorSymbol[r.Count("the number of tensors", FileLimits.Tensors, 28)];
        for (int i = 0; i < tensors.Length; i++)
        {
            string name = r.Text("the name of a tensor", FileLimits.NameBytes);
            tensors[i] = new(name, r.Enum<TensorKind>("the kind of a tensor"), r.Enum<ElementType>("an element type"), ParameterIndex: r.UInt32("a parameter index", int.MaxValue), Shape: ReadShape(ref r)) { Fill = ReadOptional(ref r), State = ReadState(ref r) };
        }
        r.End();
        return (parameters, [.. dimensions], [.. tensors]);
    }

    public static void WriteDebug(SectionWriter w, ImmutableArray<DebugEntry> entries)
    {
        w.UInt32(entries.Length);
        foreach (DebugEntry e in entries)
        {
            w.Text(e.Operation);
            w.Text(e.Node);
            w.Text(e.Source);
        }
    }

    public static ImmutableArray<DebugEntry> ReadDebug(ref SectionReader r)
    {
        var entries = new DebugEntry[r.Count("the number of debug entries", FileLimits.DebugEntries, 12)];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = new(r.Text("an operation", FileLimits.LongTextBytes), r.Text("a node", FileLimits.LongTextBytes), r.Text("a source", FileLimits.LongTextBytes));
        }
        r.End();
        return [.. entries];
    }

    public static void WriteWork(SectionWriter w, ImmutableArray<NodeWork> work)
    {
        w.UInt32(work.Length);
        foreach (NodeWork node in work)
        {
            w.Text(node.Node);
            w.Text(node.Source);
            w.UInt32((int)node.Class);
            w.Text(node.MultiplyAdds.ToString());
            w.Text(node.Bytes.ToString());
        }
    }

    public static ImmutableArray<NodeWork> ReadWork(ref SectionReader r)
    {
        var work = new NodeWork[r.Count("the number of nodes with work", FileLimits.WorkEntries, 20)];
        for (int i = 0; i < work.Length; i++)
        {
            work[i] = new(r.Text("a node", FileLimits.LongTextBytes), r.Text("a source", FileLimits.LongTextBytes), r.Enum<MacClass>("a format of products"), ReadExpression(ref r), ReadExpression(ref r));
        }
        r.End();
        return [.. work];
    }

    public static void WriteOptions(SectionWriter w, ImmutableArray<string> options)
    {
        w.UInt32(options.Length);
        foreach (string option in options)
        {
            w.Text(option);
        }
    }

    public static ImmutableArray<string> ReadOptions(ref SectionReader r)
    {
        var options = new string[r.Count("the number of options", FileLimits.Options, 4)];
        for (int i = 0; i < options.Length; i++)
        {
            options[i] = r.Text("an option", FileLimits.LongTextBytes);
        }
        r.End();
        return [.. options];
    }

    private static ImmutableArray<DimExpr> ReadShape(ref SectionReader r)
    {
        var shape = new DimExpr[r.Count("a rank", FileLimits.Rank, 4)];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = ReadExpression(ref r);
        }
        return [.. shape];
    }

    private static DimExpr ReadExpression(ref SectionReader r)
    {
        string text = r.Text("a dimension expression", FileLimits.ExpressionBytes);
        return DimExpr.TryParse(text, out DimExpr? e, out string? error) ? e : throw r.Refuse(FileCodes.Expression, $"'{text}' is no dimension expression: {error}");
    }

    private static void WriteOptional(SectionWriter w, DimExpr? expression)
    {
        w.UInt32(expression is null ? 0 : 1);
        if (expression is not null)
        {
            w.Text(expression.ToString());
        }
    }

    private static DimExpr? ReadOptional(ref SectionReader r) => r.UInt32("whether an expression follows", 1) == 0 ? null : ReadExpression(ref r);

    private static StateDescription? ReadState(ref SectionReader r) => r.UInt32("whether a state's description follows", 1) == 0
        ? null
        : new(r.Enum<StateMode>("the mode of a state"), r.Text("the input that counts positions", FileLimits.NameBytes), ReadExpression(ref r), r.Int64("a window")) { Positions = ReadOptional(ref r) };
}
