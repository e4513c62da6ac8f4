using TransformerCc.Compiler.Importers.Onnx.Proto;
using static TransformerCc.Tests.Campaigns.Models.ModelSketch;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Attention of any shape: heads, groups, widths, rotary positions, masks, a past; from its parts or by one operator.</summary>
internal static class ModelAttention
{
    /// <param name="toMemory">To an encoder's result instead of the tokens themselves.</param>
    public static string Make(ModelContext c, string x, bool toMemory)
    {
        ModelSketch s = c.Sketch;
        long keyHeads = c.Choices.Pick(1, 2, 3, 4), heads = keyHeads * c.Choices.Pick(1, 2, 3, 8), size = c.Choices.Pick(8, 1, 2, 4, 5, 16, 7, 24, 40, 72), valueSize = c.Choices.OneIn(5) ? c.Choices.Pick(1, 3, 16, 33) : size;
        bool hasPast = !toMemory && c.Choices.OneIn(3);
        string source = toMemory ? Memory(c) : x;
        (string q, string k, string v) = Project(c, x, source, heads, keyHeads, size, valueSize, fusible: !toMemory);
        if (c.Choices.OneIn(5))
        {
            q = ModelNorm.Make(c, q, size);
            k = ModelNorm.Make(c, k, size);
        }
        if (!toMemory && size % 2 == 0 && c.Choices.OneIn(3))
        {
            (q, k) = ModelRope.Make(c, q, k, size, hasPast);
        }
        if (hasPast)
        {
            k = Append(c, "key", k, keyHeads, size);
            v = Append(c, "value", v, keyHeads, valueSize);
        }
        float scale = c.Choices.Pick(1 / MathF.Sqrt(size), 1, 0.125f);
        string result = s.Opset >= 23 && c.Choices.OneIn(2)
            ? Operator(c, q, k, v, scale, heads, keyHeads, toMemory, hasPast)
            : Parts(c, q, k, v, scale, heads, keyHeads, size, valueSize, toMemory, hasPast);
        string merged = s.Reshape(s.Transpose(result, 0, 2, 1, 3), 0, 0, heads * valueSize);
        return c.Linear(merged, heads * valueSize, c.Width);
    }

    private static string Memory(ModelContext c) => c.Memory ??= c.FloatInput("memory", c.Batch.Declared, c.Keys.Declared, c.Width);

    /// <summary>[batch, heads, length, size] each, from one product or from three.</summary>
    private static (string Q, string K, string V) Project(ModelContext c, string x, string source, long heads, long keyHeads, long size, long valueSize, bool fusible)
    {
        ModelSketch s = c.Sketch;
        long q = heads * size, k = keyHeads * size, v = keyHeads * valueSize;
        string[] parts;
        if (fusible && c.Choices.OneIn(3))
        {
            parts = [s.Name(), s.Name(), s.Name()];
            s.Model.Node("Split", $"{c.Linear(x, c.Width, q + k + v)} {s.Longs(q, k, v)}", string.Join(' ', parts), Int("axis", 2));
        }
        else
        {
            parts = [c.Linear(x, c.Width, q), c.Linear(source, c.Width, k), c.Linear(source, c.Width, v)];
        }
        string Heads(string y, long count, long width) => s.Transpose(s.Reshape(y, 0, 0, count, width), 0, 2, 1, 3);
        return (Heads(parts[0], heads, size), Heads(parts[1], keyHeads, size), Heads(parts[2], keyHeads, valueSize));
    }

    private static string Append(ModelContext c, string kind, string now, long heads, long size)
    {
        ModelSketch s = c.Sketch;
        string name = $"past_{kind}_{s.Name()}";
        string past = c.Input(name, F32, c.Batch.Declared, heads, c.Past.Declared, size);
        c.PastLength = s.Size(past, 2);
        string all = s.Op("Concat", $"{past} {now}", Int("axis", 2)), present = "present" + name[4..];
        s.Model.Node("Identity", all, present).Output(present, F32, "b", heads, "present", size);
        return all;
    }

    private static string Parts(ModelContext c, string q, string k, string v, float scale, long heads, long keyHeads, long size, long valueSize, bool toMemory, bool hasPast)
    {
        ModelSketch s = c.Sketch;
        k = Repeat(s, k, heads, keyHeads, size);
        v = Repeat(s, v, heads, keyHeads, valueSize);
        string transposed = s.Transpose(k, 0, 1, 3, 2);
        string scores = c.Choices.Below(3) switch
        {
            1 => s.Op("Div", $"{s.Op("MatMul", $"{q} {transposed}")} {s.Number(1 / scale)}"),
            2 => s.Op("MatMul", $"{s.Op("Mul", $"{q} {s.Number(scale)}")} {transposed}"),
            _ => s.Op("Mul", $"{s.Op("MatMul", $"{q} {transposed}")} {s.Number(scale)}"),
        };
        if (c.Choices.OneIn(8))
        {
            string cap = s.Number(c.Choices.Pick(2f, 30f));
            scores = s.Op("Mul", $"{s.Op("Tanh", s.Op("Div", $"{scores} {cap}"))} {cap}");
        }
        scores = ModelMask.Apply(c, scores, toMemory, hasPast, heads);
        return s.Op("MatMul", $"{s.Op("Softmax", scores, Int("axis", -1))} {v}");
    }

    /// <summary>Every key head for each query head of its group.</summary>
    private static string Repeat(ModelSketch s, string x, long heads, long keyHeads, long size) =>
        heads == keyHeads ? x : s.Reshape(s.Op("Expand", $"{s.Unsqueeze(x, 2)} {s.Longs(1, 1, heads / keyHeads, 1, 1)}"), 0, heads, -1, size);

    private static string Operator(ModelContext c, string q, string k, string v, float scale, long heads, long keyHeads, bool toMemory, bool hasPast)
    {
        ModelSketch s = c.Sketch;
        List<AttributeProto> attributes = [Float("scale", scale)];
        string mask = "";
        switch (c.Choices.Below(5))
        {
            case 1 when !toMemory && !hasPast:
                attributes.Add(Int("is_causal", 1));
                break;
            case 2:
                mask = ModelMask.AdditiveInput(c, toMemory, hasPast, c.Choices.OneIn(2) ? heads : 1);
                break;
            case 3:
                mask = ModelMask.BooleanInput(c, toMemory, hasPast);
                break;
            case 4:
                // Without a mask: ONNX Runtime caps before it masks, the operator's definition behind the mask.
                attributes.Add(Float("softcap", c.Choices.Pick(2f, 30f)));
                break;
        }
        return s.Op("Attention", $"{q} {k} {v} {mask}", [.. attributes]);
    }
}
