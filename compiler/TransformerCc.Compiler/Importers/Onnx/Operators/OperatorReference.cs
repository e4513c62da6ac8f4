using System.Text;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>What is supported, as a table: made from the declarations of the operators (OPERATORS.md).</summary>
internal static class OperatorReference
{
    public static string Markdown()
    {
        var text = new StringBuilder("""
            # ONNX operators

            What a node may have, for every operator that is imported. "From" is the version of the operator set from which a row holds, up
            to the next row of the same operator. `?` marks what may be left out, `*` what may be repeated. An attribute that is possible at
            some values only stands with these values. A node that has anything else is refused, with the name of what it has.

            This file is made from the declarations in `Operators/`:
            `TCC_ACCEPT_SNAPSHOTS=1 dotnet test tests/TransformerCc.Tests --filter OperatorReference`.

            | operator | from | inputs | outputs | attributes that are used | refused, or possible at one value only | without effect |
            |---|---|---|---|---|---|---|

            """);
        foreach (OperatorEntry entry in OperatorTable.All.OrderBy(e => e.Domain, StringComparer.Ordinal).ThenBy(e => e.Name, StringComparer.Ordinal))
        {
            for (int i = 0; i < entry.Signatures.Count; i++)
            {
                OperatorSignature s = entry.Signatures[i];
                string until = i == entry.Signatures.Count - 1 && entry.MaximumOpset != long.MaxValue ? $" to {entry.MaximumOpset}" : "";
                text.Append("| ").AppendJoin(" | ", i > 0 ? "" : entry.Domain.Length == 0 ? entry.Name : $"{entry.Domain}.{entry.Name}", $"{s.Since}{until}",
                    List(s.Inputs.Where(a => a.Refused is null && a.NoEffect is null)), List(s.Outputs.Where(a => a.Refused is null)),
                    List(s.Attributes.Where(a => a.Role == AttributeRole.Used).Select(Used)),
                    List([.. Refused("input", s.Inputs), .. Refused("output", s.Outputs), .. s.Attributes.Where(a => a.Role is AttributeRole.OnlyAt or AttributeRole.Refused).Select(Limited)]),
                    List([.. s.Inputs.Where(a => a.NoEffect is not null).Select(a => $"input {a.Name}: {a.NoEffect}"),
                        .. s.Attributes.Where(a => a.Role == AttributeRole.WithoutEffect).Select(a => $"{a.Name}: {a.Because}")], "; ")).Append(" |\n");
            }
        }
        return text.ToString();
    }

    private static string List<T>(IEnumerable<T> items, string separator = ", ") => string.Join(separator, items);

    private static string Used(AttributeDeclaration a) =>
        $"{a.Name}{(a.IsRequired ? "" : "?")}{(a.Values.Count == 0 || a is { Kind: AttributeKind.Int, Values: ["0", "1"] } ? "" : $" ({string.Join(", ", a.Values)})")}";

    private static string Limited(AttributeDeclaration a) => a.Role == AttributeRole.Refused ? $"{a.Name}: {a.Because}" : $"{a.Name} = {string.Join(", ", a.Values)}: {a.Because}";

    private static IEnumerable<string> Refused(string kind, IEnumerable<ArgumentDeclaration> arguments) =>
        arguments.Where(a => a.Refused is not null).Select(a => $"{kind} {a.Name}: {a.Refused}");
}
