namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>The codes of what the importer reports. Codes are stable: people search for them.</summary>
public static class ImportCodes
{
    /// <summary>The file cannot be read, or is no protobuf message of a model.</summary>
    public const string BadFile = "TCC1001";

    /// <summary>A count, size or depth beyond what the importer takes.</summary>
    public const string Limit = "TCC1002";

    /// <summary>External data outside the model's folder, or a range its file does not hold.</summary>
    public const string ExternalData = "TCC1003";

    /// <summary>A tensor whose data does not fit its type and shape.</summary>
    public const string BadTensor = "TCC1004";

    /// <summary>An element type that the graph does not have.</summary>
    public const string ElementType = "TCC1005";

    /// <summary>Missing or contradictory parts: no graph, a value without a producer, a cycle.</summary>
    public const string Structure = "TCC1006";

    /// <summary>An operator, or a version of it, that is not supported.</summary>
    public const string UnsupportedOperator = "TCC1101";

    /// <summary>A use of a supported operator that is not supported or not valid.</summary>
    public const string BadNode = "TCC1102";

    /// <summary>Shapes that do not fit together.</summary>
    public const string Shape = "TCC1103";

    /// <summary>A shape or attribute that depends on the data of an input.</summary>
    public const string DataDependent = "TCC1104";

    /// <summary>An option that names something the model does not have.</summary>
    public const string Option = "TCC1105";

    /// <summary>A declared type that the operators contradict.</summary>
    public const string DeclaredType = "TCC1106";

    /// <summary>The bounds chosen for symbolic dimensions.</summary>
    public const string Bounds = "TCC1107";

    /// <summary>A bound that the model itself sets, by its tables or by what its convolutions need.</summary>
    public const string TableBound = "TCC1108";

    /// <summary>Arithmetic on float64, which the chip does in float32.</summary>
    public const string DoubleArithmetic = "TCC1109";

    /// <summary>Two constants of the same content under one name.</summary>
    public const string SameConstant = "TCC1112";

    /// <summary>A version of the format or of an operator set that is newer than those known here.</summary>
    public const string NewerVersion = "TCC1113";

    /// <summary>A part of the file that is not read and may change what the model computes.</summary>
    public const string UnreadField = "TCC1114";

    /// <summary>Metadata of the model that are not looked at.</summary>
    public const string Metadata = "TCC1116";

    /// <summary>Dimensions of different names that an operator takes to be equal.</summary>
    public const string EqualDimensions = "TCC1111";

    /// <summary>A note: what the file does not say for certain, and what was taken for it.</summary>
    public const string Assumption = "TCC1115";
}
