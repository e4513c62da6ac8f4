using TransformerCc.Compiler.Importers.Onnx.Proto;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Control flow that is decided at import.</summary>
internal static class ControlOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } = [new("If", From(1, "cond").Returns("outputs*").Graph("then_branch", "else_branch").Required("then_branch", "else_branch"), Choose)];

    /// <summary>The branch of a known condition takes the place of the node.</summary>
    private static void Choose(NodeContext n)
    {
        if (n.Contents(0) is not { Elements: [{ Constant: { } condition }] })
        {
            throw n.NotKnown(0, "the condition, which decides the branch that is compiled");
        }
        string name = condition != 0 ? "then_branch" : "else_branch";
        GraphProto branch = n.GraphAttribute(name) ?? throw ImportException.Invalid($"has no {name}");
        var scope = new NodeScope(n.Scope, n.Scope.Opsets, $"{n.Label}/", n.Scope.Depth + 1);
        n.Session.AddInitializers(scope, branch);
        if (branch.Input.Count > 0 || branch.Output.Count < n.OutputCount)
        {
            throw ImportException.Invalid($"{name} has {branch.Input.Count} inputs and {branch.Output.Count} outputs, the node has {n.OutputCount} outputs and a branch has no inputs");
        }
        IReadOnlyList<Imported?> results = n.Session.Inline(branch.Node, [.. branch.Output.Select(o => o.Name)], scope);
        for (int i = 0; i < int.Min(results.Count, n.OutputCount); i++)
        {
            n.Forward(results[i], i);
        }
    }
}
