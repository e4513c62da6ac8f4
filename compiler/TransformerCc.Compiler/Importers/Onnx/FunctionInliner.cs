using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>Puts the body of a model-local function in place of a node that calls it (ONNX IR, "Functions").</summary>
internal static class FunctionInliner
{
    /// <summary>What a call has that the function does not declare: it would be passed over.</summary>
    public static IEnumerable<SignatureCheck.Problem> Check(NodeProto call, FunctionProto function)
    {
        string[] attributes = [.. function.Attribute, .. function.AttributeProto.Select(a => a.Name)];
        foreach (AttributeProto attribute in call.Attribute.Where(a => !attributes.Contains(a.Name)))
        {
            yield return new($"the attribute {attribute.Name} = {AttributeText.Of(attribute)} is not one of the model's function: "
                + (attributes.Length == 0 ? "it has none" : string.Join(", ", attributes)), "it would be passed over: remove it, or declare it in the function");
        }
        if (call.Input.Count > function.Input.Count || call.Output.Count > function.Output.Count)
        {
            yield return new($"has {call.Input.Count} inputs and {call.Output.Count} outputs, the model's function has {function.Input.Count} and {function.Output.Count}", "remove what the function does not declare");
        }
    }

    public static void Inline(NodeContext node, FunctionProto function)
    {
        // A function sees nothing but its own inputs, and names the operator sets it is written for.
        var scope = new NodeScope(null, node.Session.Opsets(function.OpsetImport, $"function {function.Domain}.{function.Name}"), $"{node.Label}/", node.Scope.Depth + 1);
        var absent = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < function.Input.Count; i++)
        {
            if (node.Optional(i) is { } input)
            {
                scope.Set(function.Input[i], input);
            }
            else
            {
                absent.Add(function.Input[i]);
            }
        }
        var attributes = function.AttributeProto.Concat(node.Proto.Attribute).GroupBy(a => a.Name).ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);
        NodeProto[] body = [.. function.Node.Select(n => Substitute(n, attributes, absent))];
        IReadOnlyList<Imported?> results = node.Session.Inline(body, [.. function.Output], scope);
        for (int i = 0; i < int.Min(results.Count, node.Proto.Output.Count); i++)
        {
            node.Forward(results[i], i);
        }
    }

    /// <summary>The node with references to the function's attributes replaced by what the caller gives; what the caller leaves out vanishes.</summary>
    private static NodeProto Substitute(NodeProto node, Dictionary<string, AttributeProto> attributes, HashSet<string> absent)
    {
        if (!node.Attribute.Any(a => a.RefAttrName.Length > 0 || a.G is not null) && !node.Input.Any(absent.Contains))
        {
            return node;
        }
        NodeProto copy = node.Clone();
        copy.Attribute.Clear();
        for (int i = 0; i < copy.Input.Count; i++)
        {
            copy.Input[i] = absent.Contains(copy.Input[i]) ? "" : copy.Input[i];
        }
        foreach (AttributeProto attribute in node.Attribute)
        {
            if (attribute.RefAttrName.Length == 0)
            {
                AttributeProto own = attribute;
                if (attribute.G is not null)
                {
                    own = attribute.Clone();
                    own.G.Node.Clear();
                    own.G.Node.AddRange(attribute.G.Node.Select(n => Substitute(n, attributes, absent)));
                }
                copy.Attribute.Add(own);
            }
            else if (attributes.TryGetValue(attribute.RefAttrName, out AttributeProto? given))
            {
                AttributeProto renamed = given.Clone();
                renamed.Name = attribute.Name;
                copy.Attribute.Add(renamed);
            }
        }
        return copy;
    }
}
