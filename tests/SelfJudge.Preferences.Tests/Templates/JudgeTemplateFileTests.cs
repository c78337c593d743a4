using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Templates;

public sealed class JudgeTemplateFileTests : IDisposable
{
    private const string Text = "text: \"{context} {response_a} {response_b}\"";

    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-judge-template-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Keys_without_a_value_are_as_those_that_are_not_there()
    {
        var template = JudgeTemplate.ByName(Write("name: mine", Text, "principle:", "user: ~", "assistant:"));
        Assert.Equal(("mine", null, "User: {content}", "Assistant: {content}"),
            (template.Name, template.Principle, template.UserLine, template.AssistantLine));
    }

    [Theory]
    [InlineData("template.yaml: the key text is missing; a judge template has name, text", "name: m", "text:")]
    [InlineData("template.yaml:2: text: the placeholder {context} must stand exactly once, but stands 0 times", "name: m", "text: ''")]
    [InlineData("template.yaml: the key name is missing; a judge template has name, text", "name:", Text)]
    [InlineData("template.yaml: a judge template is a mapping of keys to texts")]
    [InlineData("template.yaml: a judge template is a mapping of keys to texts", "~")]
    [InlineData("template.yaml:2: text: the placeholder {response_b} must stand exactly once, but stands 0 times", "name: m",
        "text: \"{context} {response_a}\"")]
    [InlineData("template.yaml:3: user: the placeholder {content} must stand exactly once, but stands 2 times", "name: m", Text,
        "user: \"{content}{content}\"")]
    [InlineData("template.yaml:3: unknown key 'princple'; known are name, text, principle, user, assistant", "name: m", Text,
        "princple: honesty")]
    [InlineData("template.yaml:2: text is not a text, but a list", "name: m", "text: [a]")]
    [InlineData("template.yaml:3: the key 'name' stands here a second time", "name: m", Text, "name: n")]
    [InlineData("template.yaml:1: a key must be a word, not a group of keys", "{a: b}: c")]
    [InlineData("template.yaml:1: name: must be a text of 1 to 100 characters on one line", "name: \"a\\nb\"", Text)]
    public void A_file_that_is_no_template_is_named_with_its_line(string message, params string[] lines) =>
        Assert.StartsWith(Path.Combine(_folder, message),
            Assert.Throws<ArgumentException>(() => JudgeTemplate.ByName(Write(lines))).Message, StringComparison.Ordinal);

    [Fact]
    public void What_would_take_the_stack_is_refused()
    {
        var deep = Write(new string('[', 100_000));
        Assert.StartsWith($"{deep}:1: nests deeper than 32 levels",
            Assert.Throws<ArgumentException>(() => JudgeTemplate.ByName(deep)).Message);
        Assert.StartsWith($"{deep}:1: nests deeper than 32 levels",
            Assert.Throws<ArgumentException>(() => DialogueTemplate.ByName(deep)).Message);
    }

    private string Write(params string[] lines)
    {
        var path = Path.Combine(_folder, "template.yaml");
        File.WriteAllText(path, string.Join('\n', lines));
        return path;
    }
}
