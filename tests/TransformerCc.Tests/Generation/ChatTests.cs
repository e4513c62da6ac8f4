using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation.Chat;

namespace TransformerCc.Tests.Generation;

/// <summary>Conversations as the models' own templates write them.</summary>
public sealed class ChatTests
{
    /// <summary>Each template is abridged to what shows its family; the text is what the whole one gives, without its begin token.</summary>
    public static TheoryData<string, string, string> Families => new()
    {
        { "chatml", "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n" },
        { "phi4", "{{ '<|im_start|>system<|im_sep|>' }}", "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|> Hi <|im_end|><|im_start|>assistant<|im_sep|>Hello.<|im_end|><|im_start|>user<|im_sep|>Bye<|im_end|><|im_start|>assistant<|im_sep|>" },
        { "phi3", "{{'<|user|>' + '\\n' + message['content'] + '<|end|>' + '\\n' + '<|assistant|>' + '\\n'}}", "<|system|>\nBe brief.<|end|>\n<|user|>\n Hi <|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n" },
        { "zephyr", "{{ '<|user|>\\n' + message['content'] + eos_token }}{{ '<|assistant|>' }}", "<|system|>\nBe brief.</s>\n<|user|>\n Hi </s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye</s>\n<|assistant|>\n" },
        { "llama3", "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}", "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
        { "llama2", "{% set system_message = '<<SYS>>\\n' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}", "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s>[INST] Bye [/INST]" },
        { "mistral-v1", "{{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}", " [INST] Be brief.\n\n Hi  [/INST] Hello.</s> [INST] Bye [/INST]" },
        { "mistral-v3", "{{- \"[AVAILABLE_TOOLS] [\" }}{{- '[INST] ' + message['content'] + '[/INST]' }}", "[INST] Be brief.\n\n Hi [/INST] Hello.</s>[INST] Bye[/INST]" },
        { "mistral-v3-tekken", "{{- \"[AVAILABLE_TOOLS][\" }}{{- \"[INST]\" + message[\"content\"] + \"[/INST]\" }}", "[INST]Be brief.\n\n Hi [/INST]Hello.</s>[INST]Bye[/INST]" },
        { "mistral-v7", "{{- '[SYSTEM_PROMPT] ' + message['content'] }}[INST]", "[SYSTEM_PROMPT] Be brief.[/SYSTEM_PROMPT][INST]  Hi [/INST] Hello.</s>[INST] Bye[/INST]" },
        { "gemma", "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}", "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n" },
        { "command-r", "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() }}", "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be brief.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Hello.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Bye<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>" },
        { "deepseek-v3", "{{'<｜User｜>' + message['content']}}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}", "Be brief.\n\n<｜User｜> Hi <｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>" },
        { "vicuna", "{{ 'USER: ' + message['content'] }}{{ 'ASSISTANT: ' + message['content'] + eos_token }}", "Be brief.\n\nUSER:  Hi \nASSISTANT: Hello.</s>\nUSER: Bye\nASSISTANT:" },
    };

    [Theory]
    [MemberData(nameof(Families))]
    public void A_template_is_recognised_and_written(string name, string template, string text)
    {
        ChatFormat format = ChatFormat.Of(Data(template));
        Assert.Equal(name, format.Name);
        Assert.Equal(text, format.Write([new("system", "Be brief."), new("user", " Hi "), new("assistant", "Hello."), new("user", "Bye")], "</s>"));
        Assert.Equal(format, ChatFormat.Of(Data(null), name));
    }

    [Fact]
    public void What_is_said_is_never_taken_for_a_pattern() =>
        Assert.Equal("<|user|>\n{0}{eos}</s>\n<|assistant|>\n", ChatFormat.Of(Data(null), "zephyr").Write([new("user", "{0}{eos}")], "</s>"));

    [Theory]
    [InlineData("{{ something else }}", null)]
    [InlineData(null, null)]
    [InlineData("<|im_start|>", "no such format")]
    public void What_is_not_known_is_refused_with_what_is(string? template, string? name)
    {
        Diagnostic d = Assert.Throws<DiagnosticException>(() => ChatFormat.Of(Data(template), name)).Diagnostics[0];
        Assert.Equal("TCC5207", d.Code);
        Assert.Contains("chatml, command-r", d.Help, StringComparison.Ordinal);
        Assert.Equal("TCC5208", Assert.Throws<DiagnosticException>(() => ChatFormat.Of(Data(null), "chatml").Write([new("tool", "x")], "")).Diagnostics[0].Code);
    }

    private static TokenizerData Data(string? template) => new() { Model = "llama", Tokens = ["a"], ChatTemplate = template };
}
