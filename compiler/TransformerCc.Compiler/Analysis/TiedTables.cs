using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Analysis;

/// <summary>
/// Constants that are both looked up by rows and multiplied by (a tied embedding). Products take weights as panels, gathers
/// take rows, so the binary holds such a tensor twice.
/// </summary>
public static class TiedTables
{
    public static IEnumerable<Diagnostic> Notes(Graph graph)
    {
        HashSet<Value> tables = [.. graph.Nodes.Where(n => n.Op is Gather).Select(n => n.Inputs[0]).Where(v => v.IsConstant)];
        return graph.Nodes.Where(n => n.Op is Linear && tables.Contains(n.Inputs[1])).Select(n => n.Inputs[1]).Distinct()
            .Select(v => Diagnostic.Note("TCC1117", FormattableString.Invariant($"%{v.Name} is a table of look-ups and the weights of a product: a binary stores its {v.ConstantData!.ByteCount} bytes twice, as rows and as panels")));
    }
}
