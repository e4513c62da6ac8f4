using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation.Chat;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// What a program with a tokenizer will not be able to do with text: found by making what a run makes, so that it is told when
/// the model is compiled.
/// </summary>
public static class TokenizerCheck
{
    public const string LostText = "TCC5215", NoTypes = "TCC5216";

    /// <summary>Warnings with the codes of the errors that a run would end with; none when text works.</summary>
    public static IReadOnlyList<Diagnostic> Problems(TokenizerData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var problems = new List<Diagnostic>();
        Tokenizer? tokenizer = Try("the program will not take text (run --prompt), only token ids: ", () => Tokenizer.Create(data));
        if (tokenizer is null)
        {
            return problems;
        }
        if (tokenizer.Gap is { } gap)
        {
            problems.Add(Diagnostic.Warning(LostText, gap, null, "tokenizer.ggml.tokens of the file is not complete: convert the model again"));
        }
        if (data.Types.IsEmpty && data.Tokens.Any(IsNamed))
        {
            problems.Add(Diagnostic.Warning(NoTypes, "tokens have no types: those that stand for bytes or mark turns are taken for ordinary text", null,
                "tokenizer.ggml.token_type is missing in the file: convert the model again"));
        }
        if (data.ChatTemplate is not null)
        {
            Try("run --chat will not work: ", () => ChatFormat.Of(data));
        }
        return problems;

        T? Try<T>(string consequence, Func<T> make) where T : class
        {
            try
            {
                return make();
            }
            catch (DiagnosticException e)
            {
                problems.AddRange(e.Diagnostics.Select(d => d with { Severity = DiagnosticSeverity.Warning, Message = consequence + d.Message }));
                return null;
            }
        }
    }

    /// <summary>Whether a token looks like one of a type of its own: &lt;0x0A&gt;, &lt;|im_end|&gt;.</summary>
    private static bool IsNamed(string token) => token.Length > 4 && ((token[0] == '<' && token[1] == '|' && token.EndsWith("|>", StringComparison.Ordinal)) || token is ['<', '0', 'x', _, _, '>']);
}
