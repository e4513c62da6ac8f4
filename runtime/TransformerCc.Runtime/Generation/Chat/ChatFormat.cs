using System.Globalization;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Chat;

/// <param name="Role">system, user or assistant.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>
/// How a family of chat models writes a conversation. Files carry a Jinja program; we recognise the family by what the
/// program contains and write the messages ourselves. In the patterns {0} is the message, {eos} the model's end token.
/// </summary>
/// <param name="Name">What <c>--chat-format</c> takes.</param>
/// <param name="User">A user's message.</param>
/// <param name="Assistant">An answer that is over.</param>
/// <param name="Open">Where the next answer begins.</param>
/// <param name="System">A system message of its own; or, with <paramref name="SystemInUser"/>, what it becomes at the beginning of the next user message.</param>
/// <param name="Trim">White space around messages is taken off.</param>
public sealed record ChatFormat(string Name, string User, string Assistant, string Open, string System, bool SystemInUser = false, bool Trim = false)
{
    public const string UnknownTemplate = "TCC5207", UnknownRole = "TCC5208";

    /// <summary>The text of a conversation, up to where the next answer begins. Begin tokens are the tokenizer's.</summary>
    /// <exception cref="DiagnosticException">TCC5208: a role is not system, user or assistant.</exception>
    public string Write(IEnumerable<ChatMessage> messages, string endToken)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var text = new StringBuilder();
        string before = "";
        foreach (ChatMessage message in messages)
        {
            string content = Trim ? message.Content.Trim() : message.Content;
            switch (message.Role)
            {
                case "system" when SystemInUser:
                    before += Fill(System, content);
                    break;
                case "system":
                    text.Append(Fill(System, content));
                    break;
                case "user":
                    text.Append(Fill(User, before + content));
                    before = "";
                    break;
                case "assistant":
                    text.Append(Fill(Assistant, content));
                    break;
                default:
                    throw new DiagnosticException(Diagnostic.Error(UnknownRole, $"a message has the role '{message.Role}'", null, "roles are system, user and assistant"));
            }
        }
        return text.Append(Open).ToString();

        // In one pass, so that what a user writes is never taken for a pattern.
        string Fill(string pattern, string content) => string.Join(content, pattern.Split("{0}").Select(p => p.Replace("{eos}", endToken, StringComparison.Ordinal)));
    }

    /// <summary>The format of a program's chat template.</summary>
    /// <param name="name">A format's name instead of recognition; null to recognise.</param>
    /// <exception cref="DiagnosticException">TCC5207: there is no template, it is of no known family, or no format has the name.</exception>
    public static ChatFormat Of(TokenizerData data, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        string known = $"known are {string.Join(", ", ChatFormats.All.Select(f => f.Name).Order(StringComparer.Ordinal))}";
        if (name is not null)
        {
            return ChatFormats.All.FirstOrDefault(f => f.Name == name) ?? throw Refuse($"there is no chat format '{name}'", known);
        }
        return data.ChatTemplate is not { } template
            ? throw Refuse("the model has no chat template", $"leave --chat out, or choose a format with --chat-format; {known}")
            : ChatFormats.Recognize(template) ?? throw Refuse(
                string.Create(CultureInfo.InvariantCulture, $"the model's chat template of {template.Length} characters is of no known family"),
                $"choose a format with --chat-format, or write the whole prompt yourself and leave --chat out; {known}");

        static DiagnosticException Refuse(string message, string help) => new(Diagnostic.Error(UnknownTemplate, message, null, help));
    }
}
