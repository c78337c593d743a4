using System.Text.Json;
using SelfJudge.CommandLine;

namespace SelfJudge.Preferences.Tests.CommandLine;

public sealed class VisibleTextTests
{
    [Theory]
    [InlineData("\e[31mred\e[0m", "\\u001b[31mred\\u001b[0m")]
    [InlineData("\e]0;title\a", "\\u001b]0;title\\u0007")]
    [InlineData("\u009b2J", "\\u009b2J")]
    [InlineData("\u009d52;c;aGk=\u009c", "\\u009d52;c;aGk=\\u009c")]
    [InlineData("safe\roverwritten", "safe\\u000doverwritten")]
    [InlineData("\0\b\u007f", "\\u0000\\u0008\\u007f")]
    [InlineData("exe.\u202egpj.txt", "exe.\\u202egpj.txt")]
    [InlineData("\u2066a\u2069", "\\u2066a\\u2069")]
    public void What_a_terminal_would_obey_is_spelled_out(string text, string shown) => Assert.Equal(shown, VisibleText.Of(text));

    [Fact]
    public void Every_control_character_is_spelled_out_but_line_end_and_tab()
    {
        var controls = Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(char.IsControl).Except(['\n', '\t']).ToList();
        Assert.Equal(63, controls.Count);
        Assert.All(controls, c => Assert.Equal($"a\\u{(int)c:x4}b", VisibleText.Of($"a{c}b")));
    }

    [Fact]
    public void Every_embedding_override_and_isolate_of_the_direction_of_writing_is_spelled_out() =>
        Assert.All("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", c =>
            Assert.Equal($"\\u{(int)c:x4}", VisibleText.Of(c.ToString())));

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines\tand a tab")]
    [InlineData("äöü ß, 你好, שלום, مرحبا, नमस्ते, \u00a0no break")]
    [InlineData("👩\u200d👩\u200d👧 ❤\ufe0f 🏳\ufe0f\u200d🌈")]
    [InlineData("\\u001b is six characters")]
    [InlineData("<script> & \"quotes\" [bold]")]
    public void Everything_else_stays_as_it_is(string text) => Assert.Same(text, VisibleText.Of(text));

    [Fact]
    public void A_JSON_string_keeps_its_meaning()
    {
        const string Text = "a\u007f\u009b\u202e\u2069b";
        Assert.Equal(Text, JsonSerializer.Deserialize<string>(VisibleText.Of($"\"{Text}\"")));
    }
}
