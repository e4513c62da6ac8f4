using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// GGUF files that hold something else than a model: called what they are, with the way on. How they show themselves is in
/// llama.cpp: GGUFType in gguf-py/gguf/constants.py (general.type), src/llama-adapter.cpp (adapters, control vectors),
/// tools/imatrix/imatrix.cpp, tools/mtmd/clip.cpp (projectors).
/// </summary>
internal static class GgufKind
{
    private sealed record Kind(string Name, Func<GgufFile, bool> Is, string Help);

    private static readonly Kind[] s_kinds =
    [
        new("an adapter (LoRA), which changes the weights of a model and has none of its own",
            f => Type(f) == "adapter" || HasKey(f, "adapter.") || AllTensors(f, n => n.EndsWith(".lora_a", StringComparison.Ordinal) || n.EndsWith(".lora_b", StringComparison.Ordinal)),
            "merge it into the model it was made for (llama-export-lora of llama.cpp), and compile the result"),
        new("a projector (mmproj), which turns images or sound into vectors for a language model",
            f => Type(f) == "mmproj" || Architecture(f) == "clip" || HasKey(f, "clip."),
            "compile the language model beside it; images and sound are not read"),
        new("an importance matrix (imatrix), which says how a model is quantised",
            f => Type(f) == "imatrix" || HasKey(f, "imatrix.") || AllTensors(f, n => n.EndsWith(".in_sum2", StringComparison.Ordinal) || n.EndsWith(".counts", StringComparison.Ordinal)),
            "give it to llama-quantize of llama.cpp, and compile what that writes"),
        new("a control vector, which is added between the layers of a model",
            f => Architecture(f) == "controlvector" || HasKey(f, "controlvector.") || AllTensors(f, n => n.StartsWith("direction.", StringComparison.Ordinal)),
            "compile the model it was made for; control vectors are not read"),
        new("a vocabulary: it holds a tokenizer and no weights",
            f => f.Tensors.Count == 0 && f.Metadata.ContainsKey(FileKeys.Tokens.Name),
            "convert the model again without --vocab-only, or download the file with the weights"),
        new("a GGUF file without tensors", f => f.Tensors.Count == 0, "download or convert the model again"),
    ];

    /// <exception cref="DiagnosticException">TCC1214: the file holds no model.</exception>
    public static void RefuseOthers(GgufFile file)
    {
        if (s_kinds.FirstOrDefault(k => k.Is(file)) is { } kind)
        {
            throw Refuse($"this is no model but {kind.Name}", kind.Help);
        }
        if (Type(file) is { } type && type != "model")
        {
            throw Refuse($"this is no model: {FileKeys.Type.Name} says '{type}'", "name the file of the model");
        }
        DiagnosticException Refuse(string message, string help) => new(Diagnostic.Error(GgufCodes.NoModel, message, file.Path, help));
    }

    private static string? Type(GgufFile file) => file.Metadata.GetValueOrDefault(FileKeys.Type.Name)?.Text;

    private static string? Architecture(GgufFile file) => file.Metadata.GetValueOrDefault(FileKeys.Architecture.Name)?.Text;

    private static bool HasKey(GgufFile file, string prefix) => file.Metadata.Keys.Any(k => k.StartsWith(prefix, StringComparison.Ordinal));

    private static bool AllTensors(GgufFile file, Func<string, bool> isOne) => file.Tensors.Count > 0 && file.Tensors.Keys.All(isOne);
}
