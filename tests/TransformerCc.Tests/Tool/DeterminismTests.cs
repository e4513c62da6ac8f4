using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>
/// The same model gives the same binary and the same results to the bit, whatever the number of threads, the vector
/// instructions of the processor, the user's language, the working folder, and the order in which files were made.
/// </summary>
public sealed class DeterminismTests(DeterminismTests.Plain plain) : IClassFixture<DeterminismTests.Plain>
{
    /// <summary>What comes out in the surroundings of this process.</summary>
    public sealed class Plain : IDisposable
    {
        public Plain()
        {
            Here = Prepare("here", reverse: false);
            Make(Here, new Dictionary<string, string>());
        }

        private TemporaryFolder Folder { get; } = new();

        public string Here { get; }

        public void Dispose() => Folder.Dispose();

        /// <summary>A working folder with the adder and a case; the inputs in one order of making or the other.</summary>
        internal string Prepare(string name, bool reverse)
        {
            string folder = Directory.CreateDirectory(Path.Combine(Folder.FullName, name)).FullName, inputs = Directory.CreateDirectory(Path.Combine(folder, "inputs")).FullName;
            File.Copy(TestData.AdderModel, Path.Combine(folder, "model.onnx"));
            IEnumerable<string> files = Directory.GetFiles(Path.Combine(TestData.AdderFolder, "cases", "full-sums", "inputs")).Order(StringComparer.Ordinal);
            foreach (string file in reverse ? files.Reverse() : files)
            {
                File.Copy(file, Path.Combine(inputs, Path.GetFileName(file)));
            }
            return folder;
        }
    }

    public static TheoryData<string, string> Surroundings() => new()
    {
        { "one thread", "DOTNET_PROCESSOR_COUNT=1" },
        { "two threads, Turkish", "DOTNET_PROCESSOR_COUNT=2 LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8" },
        { "many threads, German", "DOTNET_PROCESSOR_COUNT=7 LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 TZ=Pacific/Apia" },
        { "without AVX-512", "DOTNET_EnableAVX512=0 DOTNET_EnableAVX512F=0" },
        { "without AVX2", "DOTNET_EnableAVX512=0 DOTNET_EnableAVX512F=0 DOTNET_EnableAVX2=0" },
        { "without vector instructions", "DOTNET_EnableHWIntrinsic=0" },
    };

    [Theory]
    [MemberData(nameof(Surroundings))]
    public void Bytes_do_not_depend_on_the_surroundings(string name, string variables)
    {
        Dictionary<string, string> environment = variables.Split(' ').Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        string here = plain.Here, there = plain.Prepare(name, reverse: true);
        Make(there, environment);
        Assert.True(File.ReadAllBytes(Path.Combine(here, "model.bin")).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(there, "model.bin"))), $"{name}: another binary");
        string[] results = [.. Directory.GetFiles(Path.Combine(here, "results")).Select(f => Path.GetFileName(f)!)];
        Assert.NotEmpty(results);
        foreach (string result in results)
        {
            Assert.True(File.ReadAllBytes(Path.Combine(here, "results", result)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(there, "results", result))), $"{name}: {result} differs");
        }
    }

    private static void Make(string folder, IReadOnlyDictionary<string, string> environment)
    {
        ToolProcess.Good(["compile", "model.onnx", "-o", "model.bin"], folder, environment);
        ToolProcess.Good(["run", "model.bin", "--inputs", "inputs", "--outputs", "results"], folder, environment);
    }
}
