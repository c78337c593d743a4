using SelfJudge.Preferences.Yaml;

namespace SelfJudge.Preferences.Tests.Yaml;

public sealed class YamlReaderTests
{
    [Theory]
    [InlineData("model: {\nhidden: 3}", "line 1: not valid YAML: what stands in brackets must be indented")]
    [InlineData("a: 1\nb: [\nx]", "line 2: not valid YAML: what stands in brackets must be indented")]
    [InlineData("a: {b: [1, 2}", "line 1: not valid YAML: ")]
    [InlineData("a: 1\n b: 2", "line 2: not valid YAML: ")]
    [InlineData("a: 1\n---\nb: 2", "line 2: a second document begins; only one can be read")]
    [InlineData("a: 1\na: 2", "line 2: the key 'a' stands here a second time")]
    [InlineData("a: *b", "line 1: the alias *b stands for nothing before it")]
    [InlineData("a: !!int 1", "line 1: the tag tag:yaml.org,2002:int is not supported; write the value without it")]
    public void What_cannot_be_read_is_named_with_its_line(string yaml, string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => YamlReader.Read(yaml, line => $"line {line}")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Values_nest_thirty_two_levels_deep_and_no_deeper()
    {
        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
        Assert.IsType<YamlList>(YamlReader.Read(Nested(32), line => $"line {line}"));
        Assert.Equal("line 1: nests deeper than 32 levels",
            Assert.Throws<InvalidDataException>(() => YamlReader.Read(Nested(100_000), line => $"line {line}")).Message);
    }
}
