namespace TransformerCc.Runtime.Generation.Chat;

/// <summary>
/// The families, and how a template shows that it belongs to one: in the order of the tests, which go by what llama.cpp
/// (<c>llm_chat_detect_template</c>) goes by. What they write is what the models' own templates write.
/// </summary>
internal static class ChatFormats
{
    private static readonly ChatFormat
        s_chatml = OfRoles("chatml", "<|im_start|>{role}\n{0}<|im_end|>\n"),
        s_phi4 = OfRoles("phi4", "<|im_start|>{role}<|im_sep|>{0}<|im_end|>"),
        s_phi3 = OfRoles("phi3", "<|{role}|>\n{0}<|end|>\n"),
        s_zephyr = OfRoles("zephyr", "<|{role}|>\n{0}{eos}\n"),
        s_falcon3 = OfRoles("falcon3", "<|{role}|>\n{0}\n"),
        s_llama3 = OfRoles("llama3", "<|start_header_id|>{role}<|end_header_id|>\n\n{0}<|eot_id|>") with { Trim = true },
        s_llama4 = OfRoles("llama4", "<|header_start|>{role}<|header_end|>\n\n{0}<|eot|>") with { Trim = true },
        s_granite = OfRoles("granite", "<|start_of_role|>{role}<|end_of_role|>{0}<|end_of_text|>\n"),
        s_llama2 = new("llama2", "[INST] {0} [/INST]", " {0} {eos}", "", "<<SYS>>\n{0}\n<</SYS>>\n\n", SystemInUser: true, Trim: true),
        s_mistralV1 = new("mistral-v1", " [INST] {0} [/INST]", " {0}{eos}", "", "{0}\n\n", SystemInUser: true),
        s_mistralV3 = new("mistral-v3", "[INST] {0}[/INST]", " {0}{eos}", "", "{0}\n\n", SystemInUser: true),
        s_mistralTekken = new("mistral-v3-tekken", "[INST]{0}[/INST]", "{0}{eos}", "", "{0}\n\n", SystemInUser: true),
        s_mistralV7 = new("mistral-v7", "[INST] {0}[/INST]", " {0}{eos}", "", "[SYSTEM_PROMPT] {0}[/SYSTEM_PROMPT]"),
        s_gemma = new("gemma", "<start_of_turn>user\n{0}<end_of_turn>\n", "<start_of_turn>model\n{0}<end_of_turn>\n", "<start_of_turn>model\n", "{0}\n\n", SystemInUser: true, Trim: true),
        s_commandR = new(
            "command-r", "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{0}<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{0}<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{0}<|END_OF_TURN_TOKEN|>", Trim: true),
        s_deepseekCoder = new("deepseek-coder", "### Instruction:\n{0}\n", "### Response:\n{0}\n<|EOT|>\n", "### Response:\n", "{0}"),
        s_deepseek2 = new("deepseek-v2", "User: {0}\n\n", "Assistant: {0}{eos}", "Assistant:", "{0}\n\n"),
        s_deepseek3 = new("deepseek-v3", "<｜User｜>{0}", "<｜Assistant｜>{0}<｜end▁of▁sentence｜>", "<｜Assistant｜>", "{0}\n\n"),
        s_vicuna = new("vicuna", "USER: {0}\n", "ASSISTANT: {0}{eos}\n", "ASSISTANT:", "{0}\n\n");

    public static IReadOnlyList<ChatFormat> All { get; } =
    [
        s_chatml, s_phi4, s_phi3, s_zephyr, s_falcon3, s_llama3, s_llama4, s_granite, s_llama2, s_mistralV1, s_mistralV3, s_mistralTekken, s_mistralV7, s_gemma, s_commandR, s_deepseekCoder, s_deepseek2, s_deepseek3,
        s_vicuna,
    ];

    public static ChatFormat? Recognize(string template)
    {
        // In the Jinja text a line end is written \n.
        template = template.Replace("\\n", "\n", StringComparison.Ordinal);
        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);
        return Has("<|im_start|>") ? Has("<end_of_utterance>") ? null : Has("<|im_sep|>") ? s_phi4 : s_chatml
            : Has("[INST]") ? OfInstructions()
            : Has("<|assistant|>") && Has("<|end|>") ? s_phi3
            : Has("[gMASK]") ? null
            : Has("<|user|>") && (Has("<|user|>\n' + message['content'] + eos_token") || Has("<|endoftext|>")) ? s_zephyr
            : Has("<|user|>") && Has("<|assistant|>") && !Has("<|tool_declare|>") ? s_falcon3
            : Has("<start_of_turn>") ? s_gemma
            : Has("### Instruction:") && Has("<|EOT|>") ? s_deepseekCoder
            : Has("<|START_OF_TURN_TOKEN|>") && Has("<|USER_TOKEN|>") ? s_commandR
            : Has("<|start_header_id|>") && Has("<|end_header_id|>") ? s_llama3
            : Has("<|header_start|>") && Has("<|header_end|>") ? s_llama4
            : Has("<｜Assistant｜>") && Has("<｜User｜>") ? s_deepseek3
            : Has("'Assistant: ' + message['content'] + eos_token") ? s_deepseek2
            : Has("USER: ") && Has("ASSISTANT: ") && !Has("SYSTEM: ") ? s_vicuna
            : Has("<|start_of_role|>") ? s_granite
            : null;

        ChatFormat OfInstructions() =>
            Has("[SYSTEM_PROMPT]") ? s_mistralV7
            : !Has("' [INST] ' + system_message") && !Has("[AVAILABLE_TOOLS]") ? s_llama2
            : Has(" [INST]") ? s_mistralV1
            : Has("\"[INST]\"") ? s_mistralTekken
            : s_mistralV3;
    }

    /// <summary>Formats that write every role in the same way.</summary>
    private static ChatFormat OfRoles(string name, string pattern)
    {
        string Of(string role) => pattern.Replace("{role}", role, StringComparison.Ordinal);
        string assistant = Of("assistant");
        return new(name, Of("user"), assistant, assistant[..assistant.IndexOf("{0}", StringComparison.Ordinal)], Of("system"));
    }
}
