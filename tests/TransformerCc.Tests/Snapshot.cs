using System.Runtime.CompilerServices;
using Xunit.Sdk;

namespace TransformerCc.Tests;

/// <summary>
/// Snapshot tests with the file conventions of the Verify library (which does not restore today; see the README's
/// dependency table): the accepted text is <c>Class.Method.verified.txt</c> beside the test; a difference leaves
/// <c>Class.Method.received.txt</c> there and fails. The environment variable TCC_ACCEPT_SNAPSHOTS=1 accepts what is received.
/// </summary>
public static class Snapshot
{
    public const string AcceptVariable = "TCC_ACCEPT_SNAPSHOTS";

    /// <summary>Compares a text with its snapshot. The class is taken to be named like its file.</summary>
    /// <param name="parameters">Tells the cases of a theory apart: <c>Class.Method_parameters.verified.txt</c>.</param>
    public static void Match(string text, string? parameters = null, [CallerFilePath] string file = "", [CallerMemberName] string method = "")
    {
        string name = $"{Path.GetFileNameWithoutExtension(file)}.{method}{(parameters is null ? "" : "_" + parameters)}";
        Match(text, Path.GetDirectoryName(file)!, name, Environment.GetEnvironmentVariable(AcceptVariable) == "1");
    }

    internal static void Match(string text, string folder, string name, bool accept)
    {
        string verified = Path.Combine(folder, name + ".verified.txt"), received = Path.Combine(folder, name + ".received.txt");
        string actual = Normalise(text);
        string? expected = File.Exists(verified) ? Normalise(File.ReadAllText(verified)) : null;
        if (actual == expected)
        {
            File.Delete(received);
            return;
        }
        if (accept)
        {
            File.WriteAllText(verified, actual);
            File.Delete(received);
            return;
        }
        File.WriteAllText(received, actual);
        string reason = expected is null ? "there is no accepted snapshot yet" : FirstDifference(expected, actual);
        throw new XunitException($"Snapshot {name}: {reason}\nreceived: {received}\nverified: {verified}\nAccept with {AcceptVariable}=1 after reading the difference.");
    }

    /// <summary>Line ends and the final newline are not part of what a snapshot protects.</summary>
    private static string Normalise(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n') + "\n";

    private static string FirstDifference(string expected, string actual)
    {
        string[] e = expected.Split('\n'), a = actual.Split('\n');
        int i = 0;
        while (i < e.Length && i < a.Length && e[i] == a[i])
        {
            i++;
        }
        return $"line {i + 1} differs\n- {(i < e.Length ? e[i] : "<end>")}\n+ {(i < a.Length ? a[i] : "<end>")}";
    }
}
