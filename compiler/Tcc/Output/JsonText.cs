using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace TransformerCc.Tool.Output;

/// <summary>One JSON document on standard output.</summary>
internal static class JsonText
{
    public static void Write<T>(TextWriter output, T document, JsonTypeInfo<T> type) => output.WriteLine(JsonSerializer.Serialize(document, type));
}
