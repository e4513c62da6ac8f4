using System.Globalization;
using System.Text;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Compiler.TileIR;

/// <summary>The textual form of a tile program.</summary>
public static class TilePrinter
{
    public static string Print(TileProgram program)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"tiles for {program.Chip.Name}\n");
        foreach ((string name, var interval) in program.Dimensions)
        {
            text.Append(CultureInfo.InvariantCulture, $"dim {name} in {interval.Lower}..{interval.Upper}\n");
        }
        foreach (DramTensor t in program.Tensors)
        {
            string kind = t.Kind?.ToString().ToLowerInvariant() ?? "constant";
            text.Append(CultureInfo.InvariantCulture, $"{kind} {t} : {Isa.Tensors.ElementTypes.Name(t.Type)}[{string.Join(", ", t.Shape)}]\n");
        }
        Print(text, program.Body, program, 0);
        return text.ToString();
    }

    private static void Print(StringBuilder text, TileBlock block, TileProgram program, int depth)
    {
        string indent = new(' ', depth * 2);
        foreach (TileBuffer b in block.Buffers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{indent}buffer {b} : {b.Space.ToString().ToLowerInvariant()} {b.Bytes} bytes\n");
        }
        ushort tag = 0;
        foreach (TileNode node in block.Nodes)
        {
            switch (node)
            {
                case TileLoop loop:
                    text.Append(CultureInfo.InvariantCulture, $"{indent}for {loop.Variable} < {loop.Count}:\n");
                    Print(text, loop.Body, program, depth + 1);
                    break;
                case TileLet let:
                    text.Append(CultureInfo.InvariantCulture, $"{indent}let {let.Name} = {let.Value}\n");
                    break;
                case TileAddress address:
                    text.Append(CultureInfo.InvariantCulture, $"{indent}address {address.Tensor} = {address.Tensor}[{address.Iteration}] of {address.Tensor.Members.Length}\n");
                    break;
                case TileStatement s:
                    if (s.Tag != tag && s.Tag != 0)
                    {
                        var debug = program.Debug[s.Tag];
                        text.Append(CultureInfo.InvariantCulture, $"{indent}# {debug.Operation} {debug.Node}\n");
                    }
                    tag = s.Tag;
                    text.Append(CultureInfo.InvariantCulture, $"{indent}{s.Kind.Info.Mnemonic} {string.Join(' ', s.Operands)}");
                    if (s.MostRows > 0)
                    {
                        text.Append(CultureInfo.InvariantCulture, $" rows<={s.MostRows}");
                    }
                    text.Append(s.Takes.Count > 0 ? $" take={string.Join(',', s.Takes)}" : "");
                    text.Append(s.Gives.Count > 0 ? $" give={string.Join(',', s.Gives)}" : "");
                    text.Append(s.Acquires.Count > 0 ? $" acquire={string.Join(',', s.Acquires)}" : "");
                    text.Append(s.Releases.Count > 0 ? $" release={string.Join(',', s.Releases)}" : "");
                    text.Append('\n');
                    break;
            }
        }
    }
}
