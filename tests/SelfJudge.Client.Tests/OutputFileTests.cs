using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class OutputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Refusal(Action action) => Assert.Throws<UserError>(action).Message;

    [Fact]
    public void A_file_in_a_folder_that_is_there_can_be_written_and_is_not_yet()
    {
        Assert.Equal(_folder.In("out.jsonl"), OutputFile.Check(_folder.In("x/../out.jsonl"), [_folder.In("in.jsonl"), null]));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void What_is_no_file_is_refused_before_any_work()
    {
        Assert.Equal($"--out {_folder.Path} is a folder: name a file", Refusal(() => OutputFile.Check(_folder.Path)));
        var missing = _folder.In("none/out.jsonl");
        Assert.Equal($"--out {missing} cannot be written: there is no folder {_folder.In("none")}",
            Refusal(() => OutputFile.Check(missing)));
        Assert.Equal("--out /dev/null is a device, a pipe or the system's own: name a file elsewhere",
            Refusal(() => OutputFile.Check("/dev/null")));
        Assert.Contains("its name has 256 bytes, and a file system takes 255",
            Refusal(() => OutputFile.Check(_folder.In(new string('a', 256)))));
    }

    [Fact]
    public void An_input_is_not_written_over_by_whatever_link_it_is_named()
    {
        var input = _folder.In("in.jsonl");
        File.WriteAllText(input, "x");
        File.CreateSymbolicLink(_folder.In("link"), input);
        Assert.Equal($"--out {_folder.In("link")} is {input}, which the command reads: name another file",
            Refusal(() => OutputFile.Check(_folder.In("link"), input)));
        Assert.Equal("x", File.ReadAllText(input));
    }

    [Theory]
    [InlineData("{\"index\":0}\n{\"index\":1}\n", "{\"index\":0}\n{\"index\":1}\n")]
    [InlineData("{\"index\":0}\n{\"index\":1", "{\"index\":0}\n")] // a line cut short
    [InlineData("{\"index\":0}\n{\"in", "{\"index\":0}\n")] // before its key was whole
    [InlineData("{\"index\":0", "")]
    [InlineData("", "")]
    public void What_a_crash_has_left_of_a_line_is_cut_off(string text, string whole) =>
        Assert.Equal(whole, OutputFile.WholeLines("f", text, "{\"index\":", "{\"summary\":"));

    [Fact]
    public void A_file_of_somebody_else_is_not_cut() =>
        Assert.Equal("f:3: no line that this command writes; name another file with --out",
            Refusal(() => OutputFile.WholeLines("f", "a\nb\nnotes", "{\"index\":")));
}
