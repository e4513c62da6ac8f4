using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Tests.Isa.Files;

/// <summary>A file that its reader refuses is called what it is, with the way on. "|" separates bytes in hexadecimal from text.</summary>
public sealed class FileKindsTests
{
    [Theory]
    [InlineData("", "an empty file", "fetch or make the file again")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234567890\n", "a Git LFS pointer to a file of 1.2 GB", "git lfs pull")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize many\n", "a Git LFS pointer", "git lfs pull")]
    [InlineData("/annex/objects/SHA256E-s10--ab.onnx", "a git-annex pointer", "git annex get FILE")]
    [InlineData("<!DOCTYPE html>\n<html><title>Sign  in\n now</title>", "an HTML page, 'Sign in now'", "fetch the file again")]
    [InlineData("\n  <HTML><body>", "an HTML page", "fetch the file again")]
    [InlineData("|EFBBBF|<html>", "an HTML page", "fetch the file again")]
    [InlineData("{\"error\":\"Repository not found\"}", "a JSON text that begins '{\"error\":\"Repository not found\"}'", "config.json")]
    [InlineData("<?xml version=\"1.0\"?>\n<net name=\"m\">", "a model in OpenVINO's format", "ONNX model that it was made from")]
    [InlineData("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML text that begins '<?xml version=\"1.0\"?><Error>", "look into it")]
    [InlineData("Entry not found", "a text that begins 'Entry not found'", "look into it")]
    [InlineData("|3900000000000000|{\"w\":{\"dtype\":\"F32\"}}", "a safetensors file", "convert_hf_to_gguf.py")]
    [InlineData("tjgg|03000000", "a GGML model from before GGUF", "convert the original model again")]
    [InlineData("fmgg|03000000", "a GGML model from before GGUF", "convert the original model again")]
    [InlineData("lmgg|03000000", "a GGML model from before GGUF", "convert the original model again")]
    [InlineData("algg|01000000", "a GGML adapter from before GGUF", "changes another model")]
    [InlineData("|1c000000|TFL3|00000000", "a TensorFlow Lite model", "tf2onnx.convert --tflite FILE")]
    [InlineData("|20000000|ORTM|00000000", "a model in ONNX Runtime's own format (.ort)", "ONNX model that it was made from")]
    [InlineData("ftrt|00000000", "a TensorRT engine", "one GPU")]
    [InlineData("|0801120a0a08|xxxxxx", "a TensorFlow SavedModel", "ONNX model that it was made from")]
    [InlineData("|0805129a010a20|xxxxxx", "a Core ML model", "ONNX model that it was made from")]
    [InlineData("PK|0304|xxxxxxxxxxxxxxxxxxxxxx|10000000|archive/data.pkl", "a PyTorch checkpoint", "optimum-cli export onnx")]
    [InlineData("PK|0304|xxxxxxxxxxxxxxxxxxxxxx|05000000|x.npy", "an archive of NumPy arrays (.npz)", "")]
    [InlineData("PK|0304000000000000", "a zip archive, as PyTorch checkpoints are", "optimum-cli export onnx")]
    [InlineData("|80027d7100|", "a Python pickle, as older PyTorch checkpoints are", "optimum-cli export onnx")]
    [InlineData("|89|HDF|0d0a1a0a", "an HDF5 file", "tf2onnx")]
    [InlineData("|0a0e0a05|<unk>|1500000000", "a SentencePiece tokenizer", "another file")]
    [InlineData("|1f8b0800", "a gzip archive", "gunzip")]
    [InlineData("|28b52ffd", "a zstd archive", "zstd -d FILE")]
    [InlineData("|fd377a585a00", "an xz archive", "xz -d FILE")]
    [InlineData("BZh91AY&SY|00", "a bzip2 archive", "bunzip2 FILE")]
    [InlineData("|89|PNG|0d0a1a0a", "a PNG image", "array (.npy)")]
    [InlineData("|ffd8ffe0", "a JPEG image", "array (.npy)")]
    [InlineData("|93|NUMPY|0100", "a NumPy array", "--const INPUT=FILE")]
    [InlineData(".chip \"tx1\" \"00\"\n.parameters 3\n", "an assembly text", "tcc asm FILE -o")]
    [InlineData("%PDF-1.7\n|ff00", "a PDF document", "an .onnx or a .gguf file")]
    [InlineData("|7f|ELF|020101", "a program", "an .onnx or a .gguf file")]
    [InlineData("|0000000000000000000000000000000000000000", "a file that begins with nothing but zeros", "did not end")]
    public void A_file_in_place_of_a_model_is_named(string content, string name, string help)
    {
        foreach (FileRole wanted in (FileRole[])[FileRole.Onnx, FileRole.Gguf])
        {
            Diagnostic told = Explain(content, wanted)!;
            Assert.StartsWith($"not {wanted.Name}: it is {name}", told.Message, StringComparison.Ordinal);
            Assert.Contains(help, told.Help, StringComparison.Ordinal);
            Assert.Equal("TCC1", told.Code);
        }
    }

    [Fact]
    public void A_tar_archive_has_its_mark_further_on() =>
        Assert.Equal("not an ONNX model: it is a tar archive", FileKinds.Explain(new FileStart([.. new byte[257], .. "ustar"u8], 10240), "FILE", FileRole.Onnx, "TCC1")!.Message);

    /// <summary>What a role's reader takes is never explained away, and neither is what may be data.</summary>
    [Theory]
    [InlineData("GGUF|03000000", "Gguf")]
    [InlineData("|080812077079746f726368", "Onnx")]
    [InlineData("|08073a00", "Onnx")]
    [InlineData("|93|NUMPY|0100", "Array")]
    [InlineData("{\"name\": 1}", "Chip")]
    [InlineData("mm mm mm\n", "Assembly")]
    [InlineData("id,lower,upper\n", "Buffers")]
    [InlineData("", "Buffers")]
    [InlineData("|0102030405060708", "Onnx")]
    [InlineData("|0000000000000000", "ExternalData")]
    [InlineData("|80027d7100", "ExternalData")]
    [InlineData("|93|NUMPY|0100", "ExternalData")]
    public void What_may_be_what_is_wanted_keeps_its_own_diagnostic(string content, string wanted) => Assert.Null(Explain(content, Role(wanted)));

    [Theory]
    [InlineData("GGUF|03000000", "Binary", "it is a GGUF model", "tcc compile FILE -o FILE.bin; then give FILE.bin, as in tcc run FILE.bin --prompt TEXT")]
    [InlineData("|080812077079746f726368", "Binary", "it is an ONNX model", "tcc run FILE.bin --inputs DIR --outputs DIR")]
    [InlineData(".chip \"tx1\"", "Binary", "it is an assembly text", "tcc asm FILE -o")]
    [InlineData("|3900000000000000|{\"w\":1}", "Binary", "it is a safetensors file", "tcc compile MODEL -o FILE.bin")]
    [InlineData("|080812077079746f726368", "Gguf", "it is an ONNX model", "name it with the ending .onnx")]
    [InlineData("GGUF|03000000", "Array", "it is a GGUF model", "numpy.save")]
    [InlineData("<html>", "Array", "it is an HTML page", "fetch the file again")]
    [InlineData("<html>", "Chip", "it is an HTML page", "fetch the file again")]
    [InlineData("<html>", "Buffers", "it is an HTML page", "fetch the file again")]
    [InlineData("<html>", "ExternalData", "it is an HTML page", "fetch the file again")]
    [InlineData("|93|NUMPY|0100", "Chip", "it is a NumPy array", "tcc chips tx1")]
    [InlineData("|93|NUMPY|0100", "OnnxTensor", "it is a NumPy array", "input_0.pb")]
    [InlineData("{\"name\": 1}", "Assembly", "it is a JSON text", "tcc disasm")]
    [InlineData("|0102030405|", "Buffers", "it is no text at all", "id,lower,upper,size")]
    [InlineData("|0102030405|", "Chip", "it is no text at all", "tcc chips tx1")]
    public void Each_reader_says_the_way_on(string content, string wanted, string message, string help)
    {
        Diagnostic told = Explain(content, Role(wanted))!;
        Assert.Contains(message, told.Message, StringComparison.Ordinal);
        Assert.Contains(help, told.Help, StringComparison.Ordinal);
    }

    private static FileRole Role(string name) => name switch
    {
        "Onnx" => FileRole.Onnx,
        "Gguf" => FileRole.Gguf,
        "Binary" => FileRole.Binary,
        "Array" => FileRole.Array,
        "Chip" => FileRole.Chip,
        "Assembly" => FileRole.Assembly,
        "Buffers" => FileRole.Buffers,
        "OnnxTensor" => FileRole.OnnxTensor,
        _ => FileRole.ExternalData,
    };

    private static Diagnostic? Explain(string content, FileRole wanted)
    {
        byte[] bytes = [.. content.Split('|').SelectMany((part, i) => i % 2 == 0 ? Encoding.UTF8.GetBytes(part) : Convert.FromHexString(part))];
        return FileKinds.Explain(new FileStart(bytes, bytes.Length), "FILE", wanted, "TCC1");
    }
}
