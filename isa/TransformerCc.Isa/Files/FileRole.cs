namespace TransformerCc.Isa.Files;

/// <summary>What a reader wants a file to be.</summary>
/// <param name="Name">With its article.</param>
/// <param name="Help">How to come by such a file.</param>
public sealed record FileRole(string Name, string Help)
{
    public static FileRole Onnx { get; } = new("an ONNX model", "a model is an .onnx or a .gguf file");

    public static FileRole Gguf { get; } = new("a GGUF model", "a model is an .onnx or a .gguf file");

    /// <summary>A file beside a model that holds its weights.</summary>
    public static FileRole ExternalData { get; } = new("the data of the model", "fetch the data file that belongs to the model");

    public static FileRole OnnxTensor { get; } = new("an ONNX tensor", "a test's data are TensorProto files, input_0.pb and so on");

    public static FileRole Binary { get; } = new("a TX1 binary", "tcc compile MODEL -o FILE.bin makes one");

    public static FileRole Array { get; } = new("a NumPy array", "numpy.save(\"FILE.npy\", array) writes one");

    public static FileRole Chip { get; } = new("a chip description", "tcc chips tx1 > mine.json makes one to begin with");

    public static FileRole Assembly { get; } = new("an assembly text", "tcc disasm FILE.bin > FILE.tasm makes one");

    public static FileRole Buffers { get; } = new("a list of buffers", "a line for each buffer: id,lower,upper,size");

    /// <summary>Whether it is read as text.</summary>
    public bool IsText => this == Chip || this == Assembly || this == Buffers;

    /// <summary>Whether it is a model of either format.</summary>
    public bool IsModel => this == Onnx || this == Gguf;
}
