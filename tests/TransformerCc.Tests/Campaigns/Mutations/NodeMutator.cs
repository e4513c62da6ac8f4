using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using AttributeType = TransformerCc.Compiler.Importers.Onnx.Proto.AttributeProto.Types.AttributeType;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>One change of a model.</summary>
/// <param name="Kind">A few words that many changes share.</param>
/// <param name="Subject">The attribute, input or output; empty for the versions of operator sets.</param>
/// <param name="Text">For people, with the value.</param>
internal sealed record Mutation(string Kind, string Subject, string Text);

/// <summary>Changes of one node in its attributes, optional inputs and outputs, and of the operator sets it is written for.</summary>
internal sealed class NodeMutator(ModelProto model, NodeProto node, CampaignRandom random)
{
    /// <summary>Operator sets of ONNX: to 2 beyond the newest that exists (27 in 2026).</summary>
    private const int OperatorSets = 29;

    private const int IrVersions = 15;

    private const string Extra = "tcc_extra";

    private static readonly AttributeType[] s_types = [AttributeType.Int, AttributeType.Float, AttributeType.String, AttributeType.Ints, AttributeType.Floats, AttributeType.Tensor];

    /// <summary>A change that applies to the node.</summary>
    public Mutation Change()
    {
        while (true)
        {
            if (Try(random.Below(100)) is { } made)
            {
                return made;
            }
        }
    }

    private Mutation? Try(int draw) => draw switch
    {
        < 18 => AddKnown(),
        < 21 => Add(random.Pick(OperatorVocabulary.Foreign), "attribute of others added"),
        < 23 => Add((random.Pick(OperatorVocabulary.Nonsense), random.Pick(s_types)), "unknown attribute added"),
        < 25 => Rename(),
        < 56 => ChangeValue(),
        < 59 => ChangeType(),
        < 65 => Remove(),
        < 66 => Repeat(),
        < 70 => DropInput(),
        < 74 => EmptyInput(),
        < 81 => AddInput(),
        < 83 => SwapInputs(),
        < 86 => DropOutput(),
        < 89 => AddOutput(),
        < 97 => OperatorSet(),
        < 99 => IrVersion(),
        _ => DeclaredOutputs(),
    };

    private AttributeProto? Present => node.Attribute.Count > 0 ? random.Pick(node.Attribute) : null;

    private Mutation? AddKnown()
    {
        (string Name, AttributeType Type)[] absent = [.. OperatorVocabulary.Of(node).Where(a => node.Attribute.All(p => p.Name != a.Name))];
        return absent.Length > 0 ? Add(random.Pick(absent), "attribute added") : null;
    }

    private Mutation? Add((string Name, AttributeType Type) attribute, string kind)
    {
        if (node.Attribute.Any(a => a.Name == attribute.Name))
        {
            return null;
        }
        AttributeProto made = AttributeValues.Make(attribute.Name, attribute.Type, random);
        node.Attribute.Add(made);
        return Of(kind, made);
    }

    private Mutation? Rename()
    {
        if (Present is not { } attribute)
        {
            return null;
        }
        string before = attribute.Name;
        attribute.Name = random.Below(3) switch { 0 => random.Pick(OperatorVocabulary.Nonsense), 1 => before + "s", _ => random.Pick(OperatorVocabulary.Foreign).Name };
        return new("attribute renamed", before, $"attribute {before} is called {AttributeValues.Describe(attribute)}");
    }

    private Mutation? ChangeValue()
    {
        if (Present is not { } attribute)
        {
            return null;
        }
        AttributeValues.Change(attribute, random);
        return Of("attribute changed", attribute);
    }

    private Mutation? ChangeType()
    {
        if (Present is not { } attribute)
        {
            return null;
        }
        AttributeType type = random.Pick(s_types);
        if (random.OneIn(3))
        {
            attribute.Type = random.OneIn(3) ? AttributeType.Undefined : type;
        }
        else
        {
            node.Attribute[node.Attribute.IndexOf(attribute)] = attribute = AttributeValues.Make(attribute.Name, type, random);
        }
        return Of("attribute type changed", attribute);
    }

    private Mutation? Remove()
    {
        if (Present is not { } attribute)
        {
            return null;
        }
        node.Attribute.Remove(attribute);
        return new("attribute removed", attribute.Name, $"attribute {attribute.Name} removed");
    }

    private Mutation? Repeat()
    {
        if (Present is not { } attribute)
        {
            return null;
        }
        AttributeProto second = attribute.Clone();
        AttributeValues.Change(second, random);
        node.Attribute.Insert(random.Below(node.Attribute.Count + 1), second);
        return Of("attribute repeated", second);
    }

    private Mutation? DropInput()
    {
        if (node.Input.Count == 0)
        {
            return null;
        }
        int at = random.OneIn(2) ? node.Input.Count - 1 : random.Below(node.Input.Count);
        node.Input.RemoveAt(at);
        return new("input removed", $"input {at}", $"input {at} removed");
    }

    private Mutation? EmptyInput()
    {
        if (node.Input.Count == 0)
        {
            return null;
        }
        int at = random.Below(node.Input.Count);
        node.Input[at] = "";
        return new("input left out", $"input {at}", $"input {at} left out");
    }

    /// <summary>An input behind the last, or in a gap: a tensor of the model, or a new constant.</summary>
    private Mutation AddInput()
    {
        int[] gaps = [.. Enumerable.Range(0, node.Input.Count).Where(i => node.Input[i].Length == 0)];
        string name = random.Below(4) switch { 0 => "", 1 => Existing() ?? Constant(), _ => Constant() };
        int at;
        if (gaps.Length > 0 && !random.OneIn(4))
        {
            node.Input[at = random.Pick(gaps)] = name;
        }
        else
        {
            for (int skipped = random.Below(3); skipped > 0 && random.OneIn(2); skipped--)
            {
                node.Input.Add("");
            }
            at = node.Input.Count;
            node.Input.Add(name);
        }
        string what = model.Graph.Initializer.FirstOrDefault(i => i.Name == name) is { } constant ? $"a constant of type {constant.DataType}[{string.Join(", ", constant.Dims)}]" : $"'{name}'";
        return new("input added", $"input {at}", $"input {at} added: {what}");
    }

    private string? Existing()
    {
        string[] names = [.. model.Graph.Input.Select(i => i.Name).Concat(model.Graph.Initializer.Select(i => i.Name)).Distinct()];
        return names.Length > 0 ? random.Pick(names) : null;
    }

    /// <summary>A small constant of a type and shape that an optional input may have; some are those of another input.</summary>
    private string Constant()
    {
        long[] known = [];
        if (model.Graph.Input.Count > 0 && random.Pick(model.Graph.Input).Type?.TensorType?.Shape is { } shape)
        {
            known = [.. shape.Dim.Select(d => d.DimValue > 0 ? d.DimValue : 1)];
        }
        long[] dims = random.Below(6) switch { 0 => [], 1 => [1], 2 => [2], 3 when known.Length > 0 => [known[^1]], 4 when known.Length > 1 => known[^2..], _ => known };
        int count = (int)long.Min(1 << 16, dims.Aggregate(1L, (a, b) => a * b));
        string name = $"{Extra}{model.Graph.Initializer.Count}";
        (int type, byte[] data) = random.Below(6) switch
        {
            0 => (7, Bytes(count, i => (long)(i % 3))),
            1 => (6, Bytes(count, i => i % 3)),
            2 => (9, Bytes(count, i => (byte)(i % 2))),
            3 => (2, Bytes(count, i => (byte)(i % 5))),
            _ => (1, Bytes(count, i => (i % 7 - 3) * 0.25f)),
        };
        model.Graph.Initializer.Add(new TensorProto { Name = name, DataType = type, Dims = { dims }, RawData = ByteString.CopyFrom(data) });
        return name;
    }

    private static byte[] Bytes<T>(int count, Func<int, T> element) where T : unmanaged =>
        MemoryMarshal.AsBytes<T>(Enumerable.Range(0, count).Select(element).ToArray()).ToArray();

    private Mutation? SwapInputs()
    {
        if (node.Input.Count < 2)
        {
            return null;
        }
        int i = random.Below(node.Input.Count), j = (i + 1 + random.Below(node.Input.Count - 1)) % node.Input.Count;
        if (random.OneIn(3))
        {
            node.Input[i] = node.Input[j];
            return new("input repeated", $"input {i}", $"input {i} is input {j} as well");
        }
        (node.Input[i], node.Input[j]) = (node.Input[j], node.Input[i]);
        return new("inputs swapped", $"input {int.Min(i, j)}", $"inputs {i} and {j} swapped");
    }

    private Mutation? DropOutput()
    {
        if (node.Output.Count < 2)
        {
            return null;
        }
        int at = random.OneIn(2) ? node.Output.Count - 1 : random.Below(node.Output.Count);
        string name = node.Output[at];
        if (model.Graph.Output.FirstOrDefault(o => o.Name == name) is { } declared && model.Graph.Output.Count > 1)
        {
            model.Graph.Output.Remove(declared);
        }
        if (random.OneIn(2))
        {
            node.Output.RemoveAt(at);
            return new("output removed", $"output {at}", $"output {at} removed");
        }
        node.Output[at] = "";
        return new("output left out", $"output {at}", $"output {at} left out");
    }

    private Mutation AddOutput()
    {
        for (int skipped = random.Below(3); skipped > 0 && random.OneIn(2); skipped--)
        {
            node.Output.Add("");
        }
        string name = $"{Extra}_output{node.Output.Count}";
        node.Output.Add(name);
        bool read = random.OneIn(2);
        if (read)
        {
            model.Graph.Output.Add(new ValueInfoProto { Name = name });
        }
        return new("output added", $"output {node.Output.Count - 1}", $"output {node.Output.Count - 1} added{(read ? ", as an output of the model" : "")}");
    }

    private Mutation? OperatorSet()
    {
        if (model.OpsetImport.FirstOrDefault(o => (o.Domain is "" or "ai.onnx") == (node.Domain is "" or "ai.onnx")) is not { } set)
        {
            return null;
        }
        long before = set.Version;
        set.Version = set.Domain is "" or "ai.onnx" ? random.OneIn(3) ? long.Max(1, before - 3 + random.Below(7)) : 1 + random.Below(OperatorSets) : random.Below(4);
        return set.Version == before ? null : new("operator set", "", $"operator set {set.Domain} {before} is {set.Version}");
    }

    private Mutation? IrVersion()
    {
        long before = model.IrVersion;
        model.IrVersion = random.Below(IrVersions);
        return model.IrVersion == before ? null : new("IR version", "", $"IR version {before} is {model.IrVersion}");
    }

    /// <summary>What the model says of its outputs, which a changed attribute may contradict, goes away.</summary>
    private Mutation DeclaredOutputs()
    {
        foreach (ValueInfoProto output in model.Graph.Output)
        {
            output.Type = null;
        }
        return new("types of outputs left out", "", "the types of the outputs left out");
    }

    private static Mutation Of(string kind, AttributeProto attribute) => new(kind, attribute.Name, $"{kind}: {AttributeValues.Describe(attribute)}");
}
