using System.Collections;
using System.Security.Cryptography;
using System.Text;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.Importers;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>A synthetic model whose keys are changed, and what the importer makes of it.</summary>
internal sealed class GgufVariant : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<SyntheticShape, GgufFile> _files = [];

    public void Dispose() => _folder.Dispose();

    /// <summary>A model of a shape, written once.</summary>
    /// <param name="keys">Keys and values to set; null takes a key away.</param>
    public GgufFile Create(SyntheticShape shape, params (string Key, object? Value)[] keys)
    {
        if (!_files.TryGetValue(shape, out GgufFile? file))
        {
            _files[shape] = file = Open(SyntheticModel.Create(shape));
        }
        Dictionary<string, GgufValue> metadata = file.Metadata.ToDictionary();
        foreach ((string key, object? value) in keys)
        {
            if (value is null)
            {
                metadata.Remove(key);
            }
            else
            {
                metadata[key] = Value(value);
            }
        }
        return file with { Metadata = metadata };
    }

    public GgufFile Open(GgufWriter writer)
    {
        string path = Path.Combine(_folder.FullName, $"{Guid.NewGuid():N}.gguf");
        writer.WriteFile(path);
        return GgufFile.Open(path);
    }

    public static (ImportedModel? Model, DiagnosticList Diagnostics) Import(GgufFile file, params string[] accepted)
    {
        var diagnostics = new DiagnosticList();
        try
        {
            ImportedModel model = GgufImporter.Import(file, new GgufOptions { AcceptUnknownKeys = accepted }, new Dictionary<string, DimensionLimit>(), diagnostics);
            return (model, diagnostics);
        }
        catch (DiagnosticException e)
        {
            diagnostics.AddRange(e.Diagnostics);
            return (null, diagnostics);
        }
    }

    /// <summary>The graph with the bytes of its constants, and the tokenizer; "error" of a model that is refused.</summary>
    public static string Fingerprint(GgufFile file, params string[] accepted)
    {
        if (Import(file, accepted).Model is not { } model)
        {
            return "error";
        }
        var text = new StringBuilder(GraphPrinter.Print(model.Graph));
        foreach (Value constant in model.Graph.Nodes.SelectMany(n => n.Inputs).Where(v => v.IsConstant).Distinct())
        {
            text.Append(constant.Name).AppendLine(Convert.ToHexString(SHA256.HashData(constant.ConstantData!.Data.Span)));
        }
        foreach (var property in typeof(TokenizerData).GetProperties())
        {
            object? value = property.GetValue(model.Tokenizer);
            text.Append(property.Name).Append('=').AppendLine(value is IEnumerable many and not string ? string.Join('\u0001', many.Cast<object>()) : value?.ToString());
        }
        return text.ToString();
    }

    private GgufValue Value(object value) => value switch
    {
        int n => new GgufValue(GgufValueType.I32, (uint)n),
        float x => new GgufValue(GgufValueType.F32, BitConverter.SingleToUInt32Bits(x)),
        bool flag => new GgufValue(GgufValueType.Bool, flag ? 1u : 0u),
        string text => new GgufValue(text),
        int[] numbers => OfArray(w => w.Add<int>("v", numbers)),
        float[] numbers => OfArray(w => w.Add<float>("v", numbers)),
        bool[] flags => OfArray(w => w.Add<bool>("v", flags)),
        string[] texts => OfArray(w => w.Add("v", texts)),
        _ => throw new ArgumentException($"no value of {value.GetType()}", nameof(value)),
    };

    private GgufValue OfArray(Action<GgufWriter> add)
    {
        var writer = new GgufWriter();
        add(writer);
        return Open(writer).Metadata["v"];
    }
}
