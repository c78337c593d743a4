using System.Text.Json;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Logs;

public sealed class JsonLinesTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private string Log => _temporary.In("log.jsonl");

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("1\n2\n3\n", new[] { 1, 2, 3 })]
    [InlineData("1\n2\n3", new[] { 1, 2, 3 })] // its line break was cut off, and nothing else
    [InlineData("1\r\n2\r\n", new[] { 1, 2 })]
    [InlineData("1\n2\n\"th", new[] { 1, 2 })]
    [InlineData("1\n2\n\0\0\0\0", new[] { 1, 2 })] // a block that was never written before the power went
    [InlineData("", new int[0])]
    public void A_log_has_its_whole_lines_and_a_last_one_that_is_cut_short_is_left_out(string content, int[] rows)
    {
        File.WriteAllText(Log, content);
        Assert.Equal(rows, ReadLog());
    }

    [Theory]
    [InlineData("1\nx\n3\n", 2)]
    [InlineData("1\n2\nx\n", 3)] // it has its end: no crash cut it
    [InlineData("\n2\n", 1)]
    [InlineData("1\nnull\n3\n", 2)]
    [InlineData("1\n\"two\"\n3\n", 2)]
    [InlineData("1\n\u00002\n", 2)]
    public void Any_other_line_of_a_log_that_cannot_be_read_is_an_error_that_names_it(string content, int line)
    {
        File.WriteAllText(Log, content);
        var damage = Assert.Throws<InvalidDataException>(() => ReadLog());
        Assert.StartsWith($"{Log}:{line}: the line was damaged after it was written (", damage.Message, StringComparison.Ordinal);
        Assert.EndsWith("; put the file back from a copy, or take the line out and go on without what it said", damage.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_longer_than_a_block_are_whole()
    {
        string[] lines = [new('a', 65_534), new('b', 65_536), new('c', 200_000)];
        File.WriteAllLines(Log, lines.Select(l => JsonSerializer.Serialize(l)));
        Assert.Equal(lines, JsonLines.ReadLog(Log, line => JsonLines.Deserialize<string>(line, JsonSerializerOptions.Default)));
    }

    [Fact]
    public void A_file_that_was_written_whole_has_no_line_that_may_be_cut()
    {
        File.WriteAllText(Log, "1\n2\n\"th");
        Assert.StartsWith($"{Log}:3: ", Assert.Throws<InvalidDataException>(() =>
            JsonLines.Read<int>(Log, JsonSerializerOptions.Default).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_has_no_lines() => Assert.Empty(ReadLog());

    private List<int> ReadLog() => [.. JsonLines.ReadLog(Log, line => JsonLines.Deserialize<int>(line, JsonSerializerOptions.Default))];
}
