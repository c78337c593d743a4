using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Logs;

public sealed class SampleLogTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private RunFolder Folder => new(_temporary.Path);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_run_that_resumes_drops_what_comes_after_its_checkpoint_and_a_line_cut_short()
    {
        using (var log = new SampleLog(Folder, 0))
            log.Write([Row(1), Row(2), Row(3)]);
        File.AppendAllText(Folder.Samples, "{\"run_step\":4,\"sta");
        using (var log = new SampleLog(Folder, 2))
            log.Write([Row(3) with { Response = "another" }]);
        Assert.Equal([(1L, "an answer"), (2L, "an answer"), (3L, "another")],
            new SampleLog(Folder, 3).Read("ReST").Select(r => (r.RunStep, r.Response)));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"run_step":1,"stage":"ReST"}""")]
    [InlineData("x")]
    [InlineData("""{"run_step":1,"stage":"ReST","step":1,"prompt_index":0,"prompt":"a","response":"b","reward":1e999,"seed":7,"policy_version":0,"prompt_ids":[1],"response_ids":[3]}""")]
    public void A_line_that_was_damaged_is_an_error_that_names_it(string line)
    {
        using (var log = new SampleLog(Folder, 0))
            log.Write([Row(1), Row(2)]);
        var lines = File.ReadAllLines(Folder.Samples);
        File.WriteAllLines(Folder.Samples, [lines[0], line, lines[1]]);
        Assert.StartsWith($"{Folder.Samples}:2: the line was damaged",
            Assert.Throws<InvalidDataException>(() => new SampleLog(Folder, 2)).Message, StringComparison.Ordinal);
    }

    private static SampleRow Row(long step) => new(step, "ReST", (int)step, 0, "a question", "an answer", 0.5, 7, 0, [1, 2], [3]);
}
