using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// Checks a tile program: every symbol is a dimension or stands in scope, every buffer is used inside the block that
/// declares it, names are unique, sizes are positive multiples of a line, and no statement has more rows than it says.
/// </summary>
public static class TileVerifier
{
    private static readonly DimInterval s_anything = new(long.MinValue, long.MaxValue);

    public static DiagnosticList Verify(TileProgram program)
    {
        var diagnostics = new DiagnosticList();
        var buffers = new HashSet<TileBuffer>(program.Ring);
        var names = new HashSet<string>(program.Ring.Select(b => b.Name), StringComparer.Ordinal);
        Verify(program.Body, program, buffers, names, new Dictionary<string, DimInterval>(program.Dimensions, StringComparer.Ordinal), diagnostics);
        return diagnostics;
    }

    /// <param name="symbols">Where the values of dimensions, loop variables and names lie.</param>
    private static void Verify(TileBlock block, TileProgram program, HashSet<TileBuffer> buffers, HashSet<string> names, Dictionary<string, DimInterval> symbols, DiagnosticList diagnostics)
    {
        var declared = new List<TileBuffer>();
        var defined = new List<string>();
        foreach (TileBuffer b in block.Buffers)
        {
            if (!names.Add(b.Name))
            {
                diagnostics.Add(Diagnostic.Error("TCC3001", $"buffer {b} is declared twice"));
            }
            if (b.Bytes < 0 || b.Bytes % Lines.Bytes != 0)
            {
                diagnostics.Add(Diagnostic.Error("TCC3002", $"buffer {b} has {b.Bytes} bytes, which is no whole number of lines"));
            }
            if (buffers.Add(b))
            {
                declared.Add(b);
            }
        }
        foreach (TileNode node in block.Nodes)
        {
            switch (node)
            {
                case TileLoop loop:
                    bool fresh = symbols.TryAdd(loop.Variable, new DimInterval(0, long.Max(0, Bounds(loop.Count, $"the count of loop {loop.Variable}").Upper - 1)));
                    if (!fresh)
                    {
                        diagnostics.Add(Diagnostic.Error("TCC3003", $"loop variable {loop.Variable} hides a symbol of the same name"));
                    }
                    Verify(loop.Body, program, buffers, names, symbols, diagnostics);
                    if (fresh)
                    {
                        symbols.Remove(loop.Variable);
                    }
                    break;
                case TileLet let:
                    Define(let.Name, Bounds(let.Value, let.Name));
                    break;
                case TileAddress address:
                    CheckSymbols(address.Iteration, $"the address of {address.Tensor}");
                    break;
                case TileStatement statement:
                    VerifyStatement(statement);
                    break;
            }
        }
        buffers.ExceptWith(declared);
        foreach (string name in defined)
        {
            symbols.Remove(name);
        }

        void Define(string name, DimInterval interval)
        {
            if (!symbols.TryAdd(name, interval))
            {
                diagnostics.Add(Diagnostic.Error("TCC3003", $"{name} hides a symbol of the same name"));
            }
            defined.Add(name);
        }

        void VerifyBuffer(TileBuffer buffer, DimExpr offset, TileStatement statement)
        {
            if (!buffers.Contains(buffer))
            {
                diagnostics.Add(Diagnostic.Error("TCC3004", $"{statement.Kind.Info.Mnemonic} uses buffer {buffer} outside the block that declares it", program.Debug[statement.Tag].Node));
            }
            CheckSymbols(offset, statement.Kind.Info.Mnemonic);
        }

        void VerifyStatement(TileStatement statement)
        {
            if (statement.Operands.Select(o => o.Value).OfType<PanelOperand>().FirstOrDefault() is { } panel && statement.Operands.Select(o => o.Value).OfType<ScratchOperand>().FirstOrDefault() is { } slot && panel.Panel.Bytes > slot.Buffer.Bytes)
            {
                diagnostics.Add(Diagnostic.Error("TCC3006", $"{panel} of {panel.Panel.Bytes} bytes does not fit {slot.Buffer} of {slot.Buffer.Bytes}", program.Debug[statement.Tag].Node));
            }
            if (statement.MostRows > 0 && (statement.Rows is not { } rows || Bounds(rows, statement.Kind.Info.Mnemonic).Upper > statement.MostRows))
            {
                diagnostics.Add(Diagnostic.Error("TCC3007", $"{statement.Kind.Info.Mnemonic} may have more rows than {statement.MostRows}", program.Debug[statement.Tag].Node));
            }
            foreach (NamedOperand operand in statement.Operands)
            {
                switch (operand.Value)
                {
                    case ScratchOperand s:
                        VerifyBuffer(s.Buffer, s.Offset, statement);
                        break;
                    case VectorTile v:
                        VerifyBuffer(v.Buffer, v.Offset, statement);
                        CheckSymbols(v.RowStride, statement.Kind.Info.Mnemonic);
                        break;
                    case DramOperand d:
                        CheckSymbols(d.Offset, statement.Kind.Info.Mnemonic);
                        break;
                    case PanelOperand p:
                        CheckSymbols(p.Shift, statement.Kind.Info.Mnemonic);
                        break;
                    case DimOperand d:
                        CheckSymbols(d.Value, statement.Kind.Info.Mnemonic);
                        break;
                    case DefinitionOperand d:
                        Define(d.Name, d.Interval);
                        break;
                }
            }
        }

        DimInterval Bounds(DimExpr expression, string where) => CheckSymbols(expression, where) ? expression.Bounds(symbols) : s_anything;

        bool CheckSymbols(DimExpr expression, string where)
        {
            bool known = true;
            foreach (string symbol in expression.Symbols)
            {
                if (!symbols.ContainsKey(symbol))
                {
                    diagnostics.Add(Diagnostic.Error("TCC3005", $"{where} uses {symbol}, which is not defined there"));
                    known = false;
                }
            }
            return known;
        }
    }
}
