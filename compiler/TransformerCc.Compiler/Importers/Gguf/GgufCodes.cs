namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The codes of what the GGUF importer reports. Codes are stable: people search for them.</summary>
public static class GgufCodes
{
    /// <summary>The file cannot be read, is no GGUF file, or is of a version or byte order that is not read.</summary>
    public const string BadFile = "TCC1201";

    /// <summary>A count, length or depth that the file cannot hold, or that no model needs.</summary>
    public const string Limit = "TCC1202";

    /// <summary>The file ends early.</summary>
    public const string Truncated = "TCC1203";

    /// <summary>A value of an unknown type, a malformed string, or a key that appears twice.</summary>
    public const string BadValue = "TCC1204";

    /// <summary>A tensor whose name, type, shape or place is not valid.</summary>
    public const string BadTensor = "TCC1205";

    /// <summary>Parts of a split model that are missing or do not belong together.</summary>
    public const string Split = "TCC1206";

    /// <summary>An architecture that has no description here.</summary>
    public const string Architecture = "TCC1207";

    /// <summary>A key that the architecture needs and that is missing, of another type, or out of range.</summary>
    public const string Metadata = "TCC1208";

    /// <summary>Tensors that the architecture needs and the file lacks, or has in another shape, or that no one asked for.</summary>
    public const string Tensors = "TCC1209";

    /// <summary>An option that does not fit the model.</summary>
    public const string Option = "TCC1210";

    /// <summary>The bounds chosen for batch and context.</summary>
    public const string Bounds = "TCC1211";

    /// <summary>A feature of the model that is not supported, or that is left out knowingly.</summary>
    public const string Feature = "TCC1212";

    /// <summary>A key that is not known, or whose value asks for what is not supported.</summary>
    public const string Key = "TCC1213";

    /// <summary>A GGUF file that holds no model.</summary>
    public const string NoModel = "TCC1214";
}
