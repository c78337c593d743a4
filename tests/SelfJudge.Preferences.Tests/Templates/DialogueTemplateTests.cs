using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Templates;

public sealed class DialogueTemplateTests : IDisposable
{
    private static readonly Turn[] Dialogue =
        [new(Role.System, "be kind"), new(Role.User, "hi"), new(Role.Assistant, "hello"), new(Role.User, "why?")];

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // What the models' own chat_template gives, without the begin token.
    [Theory]
    [InlineData("llama-2-chat", "[INST] <<SYS>>\nbe kind\n<</SYS>>\n\nhi [/INST]", " </s><s>[INST] why? [/INST]")]
    [InlineData("llama-3", "<|start_header_id|>system<|end_header_id|>\n\nbe kind<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi"
        + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nwhy?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")]
    [InlineData("chatml", "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("zephyr", "<|system|>\nbe kind</s>\n<|user|>\nhi</s>\n<|assistant|>\n", "</s>\n<|user|>\nwhy?</s>\n<|assistant|>\n")]
    public void A_dialogue_reads_as_the_models_were_taught(string name, string first, string second)
    {
        var stretches = DialogueTemplate.ByName(name).Stretches(Dialogue);
        Assert.Equal([first, second], stretches.Select(Text));
        Assert.All(stretches.SelectMany(s => s).Where(p => p.Text is "be kind" or "hi" or "why?"), p => Assert.False(p.IsControl));
    }

    [Fact]
    public void Without_a_system_message_llama_2_has_a_plain_first_turn() =>
        Assert.Equal("[INST] hi [/INST]", Text(DialogueTemplate.Llama2Chat.Stretches([new Turn(Role.User, "hi")])[0]));

    [Theory]
    [InlineData("{% if m['role'] == 'system' %}{{ '<<SYS>>\\n' + m['content'] }}{% endif %}{{ bos_token + '[INST] ' + content + ' "
        + "[/INST]' }}", "llama-2-chat")]
    [InlineData("{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}",
        "llama-3")]
    [InlineData("{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}", "chatml")]
    [InlineData("{{ '<|user|>\n' + message['content'] + eos_token }}{{ '<|system|>\n' }}{{ '<|assistant|>\n' }}", "zephyr")]
    [InlineData("{{ '[INST] ' + message['content'] + ' [/INST]' }}", null)]
    [InlineData("{{ '<|user|>\n' + message['content'] + '<|end|>\n<|assistant|>' + eos_token }}", null)]
    [InlineData("", null)]
    public void A_chat_template_is_recognised_by_what_only_it_has(string chatTemplate, string? name) =>
        Assert.Equal(name, DialogueTemplate.Recognise(chatTemplate)?.Name);

    [Fact]
    public void A_template_of_ones_own_is_a_file()
    {
        var path = Write("name: mine", "system: \"S {content}.\"", "user: \"U {content} \"", "assistant: \"A {content}<end>\\n\"",
            "system_message: behave");
        var template = DialogueTemplate.ByName(path);
        Assert.Equal("mine", template.Name);
        Assert.Equal(["S behave.U hi A ", "<end>\nU why? A "], template.Stretches(Dialogue[1..]).Select(Text));
    }

    [Fact]
    public void A_key_without_a_value_is_as_one_that_is_not_there()
    {
        var path = Write("name: mine\r", "system: \"S {content}\\n\"\r", "user: \"U {content}\\n\"\r", "assistant: \"A {content}\\n\"\r",
            "system_message:\r", "user_after_system: ~\r");
        var template = DialogueTemplate.ByName(path);
        Assert.Null(template.SystemMessage);
        Assert.Equal("U hi\nA ", template.Stretches([new Turn(Role.User, "hi")]).Select(Text).Single());
        Assert.Equal("S be\nU hi\nA ", template.Stretches([new Turn(Role.System, "be"), new Turn(Role.User, "hi")]).Select(Text).Single());
    }

    [Theory]
    [InlineData("template.yaml:3: user: the placeholder {content} must stand exactly once, but stands 0 times", "name: mine",
        "system: \"{content}\"", "user: hello", "assistant: \"{content}\"")]
    [InlineData("template.yaml:2: user: the placeholder {content} must stand exactly once, but stands 2 times", "name: mine",
        "user: \"{content}{content}\"")]
    [InlineData("template.yaml: the key assistant is missing; a dialogue template has name, system, user, assistant", "name: mine",
        "system: \"{content}\"", "user: \"{content}\"")]
    [InlineData("template.yaml:2: unknown key 'usr'; known are name, system, user, assistant, system_message, user_after_system",
        "name: mine", "usr: x")]
    [InlineData("template.yaml:1: user is not a text", "user: [a, b]")]
    [InlineData("template.yaml: a dialogue template is a mapping of keys to texts", "- a")]
    [InlineData("template.yaml:2: not valid YAML", "a: [")]
    [InlineData("template.yaml: the key name is missing", "name:", "system: \"{content}\"", "user: \"{content}\"",
        "assistant: \"{content}\"")]
    [InlineData("template.yaml: the key user is missing", "name: n", "system: \"{content}\"", "user:", "assistant: \"{content}\"")]
    [InlineData("template.yaml:2: the key 'name' stands here a second time", "name: n", "name: m")]
    [InlineData("template.yaml:1: a key must be a word, not a list", "[a]: n")]
    [InlineData("template.yaml:1: name: must be a text of 1 to 100 characters on one line", "name: \"a\\0\"", "system: \"{content}\"",
        "user: \"{content}\"", "assistant: \"{content}\"")]
    [InlineData("template.yaml: a dialogue template is a mapping of keys to texts")]
    public void A_file_that_is_no_template_is_named_with_its_line(string message, params string[] lines)
    {
        var path = Write(lines);
        Assert.StartsWith(Path.Combine(_folder, message), Assert.Throws<ArgumentException>(() => DialogueTemplate.ByName(path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_none_is_answered_with_those_that_are() =>
        Assert.Equal("unknown dialogue template 'chatty'; known are world, paper, paper-ultrafeedback, plain, llama-2-chat, llama-3, "
            + "chatml, zephyr, or the path of a template file",
            Assert.Throws<ArgumentException>(() => DialogueTemplate.ByName("chatty")).Message);

    [Fact]
    public void A_recipe_takes_a_name_or_a_path()
    {
        var path = Write("name: mine", "system: \"{content}\"", "user: \"{content}\"", "assistant: \"{content}\"");
        Assert.Equal(path, Recipe(path).Model.DialogueTemplate);
        Assert.Equal("llama-3", Recipe("llama-3").Model.DialogueTemplate);
        Assert.Contains($"model.dialogue_template: {_folder}/none.yaml: no such dialogue template file",
            Assert.Throws<RecipeException>(() => Recipe($"{_folder}/none.yaml")).Message);
    }

    private static Recipe Recipe(string template) =>
        RecipeFile.Parse($$"""{name: r, data: {world_pairs: 10}, model: {dialogue_template: "{{template}}"}, stages: [{name: SFT, method: sft, steps: 1, policy_examples: 1, learning_rate: 0.001}]}""", "recipe.yaml");

    private string Write(params string[] lines)
    {
        var path = Path.Combine(_folder, "template.yaml");
        File.WriteAllLines(path, lines);
        return path;
    }

    private static string Text(IReadOnlyList<TemplatePart> parts) => string.Concat(parts.Select(p => p.Text));
}
