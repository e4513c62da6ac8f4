using System.CommandLine;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Generation.Sampling;

namespace TransformerCc.Tool;

/// <summary>Options of text generation.</summary>
internal sealed class GenerationArguments
{
    private const int DefaultMaxTokens = 128;

    private readonly Option<string[]> _prompts = new("--prompt", "-p") { Description = "Text to go on from; several run in one batch", HelpName = "TEXT", AllowMultipleArgumentsPerToken = true };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of each answer", HelpName = "N", DefaultValueFactory = _ => DefaultMaxTokens };
    private readonly Option<float> _temperature = new("--temperature") { Description = "0 takes the most likely token; above, tokens are drawn", HelpName = "T" };
    private readonly Option<int> _topK = new("--top-k") { Description = "Draw from the K most likely tokens; 0 for all", HelpName = "K" };
    private readonly Option<float> _topP = new("--top-p") { Description = "Draw from the most likely tokens that reach P together", HelpName = "P", DefaultValueFactory = _ => 1 };
    private readonly Option<float> _minP = new("--min-p") { Description = "Draw from tokens with at least P times the probability of the most likely one", HelpName = "P" };
    private readonly Option<float> _repeatPenalty = new("--repeat-penalty") { Description = "Above 1, recent tokens become less likely", HelpName = "R", DefaultValueFactory = _ => 1 };
    private readonly Option<ulong> _seed = new("--seed") { Description = "The same seed draws the same tokens", HelpName = "S" };
    private readonly Option<string[]> _stop = new("--stop") { Description = "End an answer before this text", HelpName = "TEXT", AllowMultipleArgumentsPerToken = true };
    private readonly Option<bool> _chat = new("--chat") { Description = "Each prompt is a user's message: write it as the model's chat template does" };
    private readonly Option<string?> _chatFormat = new("--chat-format") { Description = "The family of chat template, where the model's is not recognised", HelpName = "NAME" };
    private readonly Option<string?> _system = new("--system") { Description = "A system message before each prompt, with --chat", HelpName = "TEXT" };

    public void AddTo(Command verb)
    {
        foreach (Option option in (Option[])[_prompts, _maxTokens, _temperature, _topK, _topP, _minP, _repeatPenalty, _seed, _stop, _chat, _chatFormat, _system])
        {
            verb.Add(option);
        }
        verb.Validators.Add(result =>
        {
            bool isText = result.GetResult(_prompts) is { Implicit: false };
            Option[] others = [_maxTokens, _temperature, _topK, _topP, _minP, _repeatPenalty, _seed, _stop, _chat, _chatFormat, _system];
            if (!isText && Array.Find(others, o => result.GetResult(o) is { Implicit: false }) is { } lone)
            {
                result.AddError($"{lone.Name} goes with --prompt");
            }
        });
    }

    /// <summary>Whether there is a prompt among the arguments.</summary>
    public bool IsGiven(System.CommandLine.Parsing.CommandResult result) => result.GetResult(_prompts) is { Implicit: false };

    public IReadOnlyList<string> Prompts(ParseResult parse) => parse.GetValue(_prompts) ?? [];

    /// <summary>The format's name, "" to recognise it; null when prompts are not messages.</summary>
    public string? ChatFormat(ParseResult parse) => parse.GetValue(_chatFormat) ?? (parse.GetValue(_chat) ? "" : null);

    public string? System(ParseResult parse) => parse.GetValue(_system);

    public GenerationOptions Read(ParseResult parse) => new()
    {
        MaxTokens = parse.GetValue(_maxTokens),
        Stop = parse.GetValue(_stop) ?? [],
        ParseSpecial = ChatFormat(parse) is not null,
        Sampling = new SamplingOptions
        {
            Temperature = parse.GetValue(_temperature),
            TopK = parse.GetValue(_topK),
            TopP = parse.GetValue(_topP),
            MinP = parse.GetValue(_minP),
            RepeatPenalty = parse.GetValue(_repeatPenalty),
            Seed = parse.GetValue(_seed),
        },
    };
}
