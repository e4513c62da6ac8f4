using TransformerCc.Isa;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>What is wrong with a random model.</summary>
/// <param name="kind">The stage, and the code or type of its failure: shrinking keeps it.</param>
internal sealed class ModelFailure(string kind, string message, Exception? inner = null) : Exception($"{kind}: {message}", inner)
{
    public string Kind => kind;

    /// <summary>Runs a stage; its exceptions become failures.</summary>
    public static T Of<T>(string stage, Func<T> run)
    {
        try
        {
            return run();
        }
        catch (Exception e) when (e is not ModelFailure)
        {
            string kind = e is DiagnosticException d ? d.Diagnostics[0].Code : e.GetType().Name;
            throw new ModelFailure($"{stage} {kind}", e is DiagnosticException ? e.Message : e.ToString(), e);
        }
    }

    public static void If(bool failed, string kind, Func<string> message)
    {
        if (failed)
        {
            throw new ModelFailure(kind, message());
        }
    }
}
