using Google.Protobuf.Collections;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Whether a node has nothing but what its operator declares: every attribute, input and output of it is answered for.</summary>
internal static class SignatureCheck
{
    private const string Input = "input";

    /// <summary>One problem of a node.</summary>
    public readonly record struct Problem(string Message, string Help);

    /// <summary>All problems of a node.</summary>
    public static IEnumerable<Problem> Of(NodeProto node, OperatorEntry entry, OperatorSignature signature) =>
        [.. Attributes(node, entry, signature), .. Arguments(Input, node.Input, signature.Inputs), .. Arguments("output", node.Output, signature.Outputs)];

    /// <summary>What is assumed about values whose meaning the standard leaves open.</summary>
    public static IEnumerable<string> Assumptions(NodeProto node, OperatorSignature signature) =>
        from attribute in node.Attribute
        join declared in signature.Attributes on attribute.Name equals declared.Name
        let text = declared.Assumption(attribute)
        where text is not null
        select text;

    private static IEnumerable<Problem> Attributes(NodeProto node, OperatorEntry entry, OperatorSignature signature)
    {
        foreach (string twice in node.Attribute.GroupBy(a => a.Name, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => g.Key))
        {
            yield return new($"the attribute {twice} is given twice", "keep one of the two");
        }
        foreach (AttributeProto attribute in node.Attribute)
        {
            AttributeDeclaration? declared = signature.Attributes.FirstOrDefault(a => a.Name == attribute.Name);
            if (declared is null)
            {
                yield return Unknown(attribute, entry, signature);
            }
            else if (attribute.RefAttrName.Length > 0)
            {
                yield return new($"the attribute {attribute.Name} refers to '{attribute.RefAttrName}' of a function, outside of one", "give it a value");
            }
            else if (declared.Problem(attribute) is { } problem)
            {
                yield return new($"the attribute {declared.Name} = {AttributeText.Of(attribute)}: {problem}", declared.WayOn);
            }
        }
        foreach (AttributeDeclaration missing in signature.Attributes.Where(d => d.IsRequired && node.Attribute.All(a => a.Name != d.Name)))
        {
            yield return new($"the attribute {missing.Name} is missing", $"every node of the operator has {missing.Name}: the file is damaged, or its exporter is wrong");
        }
    }

    /// <summary>An attribute that this version does not have. What it would mean is not known, so nothing is assumed.</summary>
    private static Problem Unknown(AttributeProto attribute, OperatorEntry entry, OperatorSignature signature)
    {
        string given = $"the attribute {attribute.Name} = {AttributeText.Of(attribute)}";
        long[] others = [.. entry.Signatures.Where(s => s.Attributes.Any(a => a.Name == attribute.Name)).Select(s => s.Since)];
        string has = signature.Attributes.Count == 0 ? "it has none" : $"its attributes are {string.Join(", ", signature.Attributes.Select(a => a.Name))}";
        return others.Length == 0
            ? new($"{given} is not one of the operator: {has}", "it may change the result, so it is not passed over: correct its name, or remove it if nothing depends on it")
            : new($"{given} belongs to version {others[0]} of the operator set, not to the form of version {signature.Since} that the model asks for: {has}",
                "export the model again, with one operator set for all its nodes");
    }

    private static IEnumerable<Problem> Arguments(string kind, RepeatedField<string> given, IReadOnlyList<ArgumentDeclaration> declared)
    {
        bool isOpen = declared is [.., { IsVariadic: true }];
        if (given.Count > declared.Count && !isOpen)
        {
            string names = declared.Count == 0 ? "" : $": {string.Join(", ", declared.Select(d => d.Name))}";
            yield return new($"has {given.Count} {kind}s, the operator has {declared.Count}{names}",
                $"what {kind} {declared.Count} ('{given[declared.Count]}') would mean is not known: remove it if nothing depends on it");
        }
        for (int i = 0; i < declared.Count; i++)
        {
            bool isPresent = i < given.Count && given[i].Length > 0;
            if (isPresent && declared[i].Refused is { } reason)
            {
                yield return new($"the {kind} {declared[i].Name} ('{given[i]}') is not supported: {reason}", declared[i].Help ?? $"export the model again without this {kind}");
            }
            // An output that is left out changes nothing.
            else if (!isPresent && kind == Input && !declared[i].IsOptional)
            {
                yield return new($"{kind} {i} ({declared[i].Name}) is missing", "every node of the operator has it: the file is damaged, or its exporter is wrong");
            }
        }
    }
}
