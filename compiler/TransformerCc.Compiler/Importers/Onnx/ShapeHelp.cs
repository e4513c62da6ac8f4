using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>What to try when shapes do not fit: usually one dimension has two names, or a fixed size is meant.</summary>
internal static class ShapeHelp
{
    public static string? For(NodeContext node, DimensionTable dimensions)
    {
        IReadOnlyList<TensorType> types = node.InputTypes;
        for (int a = 0; a < types.Count; a++)
        {
            for (int b = a + 1; b < types.Count; b++)
            {
                for (int i = 1; i <= int.Min(types[a].Rank, types[b].Rank); i++)
                {
                    if (For(types[a].Shape[types[a].Rank - i], types[b].Shape[types[b].Rank - i], dimensions) is { } help)
                    {
                        return help;
                    }
                }
            }
        }
        string[] symbols = [.. types.SelectMany(t => t.Shape).SelectMany(d => d.Symbols).Distinct().Order(StringComparer.Ordinal)];
        return symbols.Length == 0 ? null : $"if the model works for certain sizes only, fix them: {string.Join(' ', symbols.Select(s => $"--bind {s}=N"))}";
    }

    private static string? For(DimExpr x, DimExpr y, DimensionTable dimensions)
    {
        if (x == y || x.Is(1) || y.Is(1))
        {
            return null;
        }
        if ((x.SymbolName ?? y.SymbolName) is not { } symbol)
        {
            return null;
        }
        if ((x.ConstantValue ?? y.ConstantValue) is { } size)
        {
            DimInterval bounds = dimensions.Bounds(DimExpr.Symbol(symbol));
            return size >= bounds.Lower && size <= bounds.Upper ? $"the model fits where {symbol} is {size}: --bind {symbol}={size}" : null;
        }
        return x.SymbolName is { } first && y.SymbolName is { } second
            ? $"if {first} and {second} are one dimension under two names, fix both: --bind {first}=N --bind {second}=N" : null;
    }
}
