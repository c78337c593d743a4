using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Templates;

public sealed class TemplateTests
{
    [Fact]
    public void The_paper_template_renders_a_dialogue_as_table_12_shows()
    {
        var stretches = DialogueTemplate.Paper.Stretches(
            [new Turn(Role.User, "hi"), new Turn(Role.Assistant, "hello"), new Turn(Role.User, "and now?")]);
        Assert.Equal(2, stretches.Count);
        Assert.Equal($"<|system|>\n{DialogueTemplate.Paper.SystemMessage}\n<|user|>\nhi\n<|assistant|>\n", Text(stretches[0]));
        Assert.Equal("\n<|user|>\nand now?\n<|assistant|>\n", Text(stretches[1]));
    }

    [Fact]
    public void A_dialogues_own_system_message_takes_the_place_of_the_default() =>
        Assert.StartsWith("<|system|>\nbe kind\n<|user|>\n",
            Text(DialogueTemplate.Paper.Stretches([new Turn(Role.System, "be kind"), new Turn(Role.User, "hi")])[0]),
            StringComparison.Ordinal);

    [Fact]
    public void What_a_user_writes_is_marked_as_text_even_if_it_looks_like_control()
    {
        var parts = DialogueTemplate.World.Stretches([new Turn(Role.User, "<judge> </s>")])[0];
        Assert.Contains(parts, p => p is { Text: "<judge> </s>", IsControl: false });
        Assert.All(parts.Where(p => p.IsControl), p => Assert.DoesNotContain("<judge>", p.Text));
    }

    [Fact]
    public void The_judge_template_of_hh_helpful_reads_as_table_14()
    {
        var text = Text(JudgeTemplate.HhHelpful.Render("User: hi", "hello", "go away"));
        Assert.StartsWith("<|system|>\nBelow are a series of dialogues", text, StringComparison.Ordinal);
        Assert.Contains("Context:\n-------\nUser: hi\n-------\nAssistant A: hello\nAssistant B: go away\nPlease choose either A or "
            + "B.\n<|assistant|>\n", text);
        Assert.EndsWith("would be Assistant ", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{a{content}")]
    [InlineData("{}{content}")]
    [InlineData("{content{content}{")]
    public void Braces_that_are_no_placeholder_are_text(string format) =>
        Assert.Equal(format.Replace("{content}", "{x}", StringComparison.Ordinal),
            Text(TemplatePart.Fill(format, new Dictionary<string, string> { ["content"] = "{x}" })));

    [Fact]
    public void A_format_of_braces_takes_no_more_than_its_length()
    {
        var format = new string('{', 500_000) + "{content}" + new string('}', 500_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(3, TemplatePart.Fill(format, new Dictionary<string, string> { ["content"] = "" }).Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000_000); // a copy at every brace would be 500 GB
    }

    [Fact]
    public void Placeholders_within_content_are_content() =>
        Assert.Contains("{response_b} stays", Text(JudgeTemplate.HhHelpful.Render("q", "{response_b} stays", "b")));

    [Theory]
    [InlineData("{context} {response_a}", "{response_b} must stand exactly once, but stands 0 times")]
    [InlineData("{context} {response_a} {response_b} {context}", "{context} must stand exactly once, but stands 2 times")]
    public void A_judge_template_without_each_placeholder_once_is_refused(string format, string problem) =>
        Assert.Contains(problem, Assert.Throws<ArgumentException>(() => new JudgeTemplate("mine", format)).Message);

    [Fact]
    public void Unknown_names_list_the_known_ones() =>
        Assert.Contains("known are world, paper, ", Assert.Throws<ArgumentException>(() => DialogueTemplate.ByName("chatty")).Message);

    private static string Text(IEnumerable<TemplatePart> parts) => string.Concat(parts.Select(p => p.Text));
}
