using System.Diagnostics;
using System.Text;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Tool;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>ONNX Runtime in a process of its own: some mutants end it (a division by zero, a read outside its memory).</summary>
internal sealed class OnnxRuntimeProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private Process? _process;

    /// <summary>How often the process ended.</summary>
    public int Crashes { get; private set; }

    public Answer Run(byte[] model, IReadOnlyDictionary<string, Tensor> inputs)
    {
        _process ??= Start();
        using var patience = new Timer(static process => ((Process)process!).Kill(), _process, s_patience, Timeout.InfiniteTimeSpan);
        try
        {
            var writer = new BinaryWriter(new BufferedStream(_process.StandardInput.BaseStream, 1 << 16), Encoding.UTF8);
            writer.Write(model.Length);
            writer.Write(model);
            Answer.Write(writer, inputs);
            writer.Flush();
            return Answer.Read(new BinaryReader(_process.StandardOutput.BaseStream, Encoding.UTF8));
        }
        catch (IOException)
        {
            _process.WaitForExit();
            string how = $"ONNX Runtime ended its process with {_process.ExitCode}";
            _process.Dispose();
            _process = null;
            Crashes++;
            return Answer.Refused(how);
        }
    }

    public void Dispose()
    {
        _process?.StandardInput.Close();
        _process?.WaitForExit();
        _process?.Dispose();
    }

    private static Process Start()
    {
        var start = new ProcessStartInfo(ToolProcess.Host, ["exec", typeof(OnnxRuntimeProcess).Assembly.Location])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        // What it says goes nowhere, but a pipe that nobody reads would hold it up.
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }
}
