using TransformerCc.Tests.Campaigns.Mutations;

namespace TransformerCc.Tests;

/// <summary>Tests run in a test host; started by itself, the assembly is the other end of <see cref="OnnxRuntimeProcess"/>.</summary>
internal static class Program
{
    private static void Main() => OnnxRuntimeServer.Serve(Console.OpenStandardInput(), Console.OpenStandardOutput());
}
