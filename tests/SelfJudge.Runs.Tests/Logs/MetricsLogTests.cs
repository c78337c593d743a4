using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Logs;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private RunFolder Folder => new(_temporary.Path);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public async Task A_step_is_one_line_of_json()
    {
        await using (var log = new MetricsLog(Folder, "SFT", 0))
            log.Write(new MetricsRow(7, "SFT", 3, new Dictionary<string, double> { ["loss"] = 0.5, ["judge/accuracy"] = double.NaN }));
        Assert.Equal(["""{"run_step":7,"stage":"SFT","step":3,"loss":0.5,"judge/accuracy":null}"""],
            await File.ReadAllLinesAsync(Folder.Metrics));
        var row = Assert.Single(MetricsLog.Read(Folder.Metrics));
        Assert.Equal((7L, "SFT", 3), (row.RunStep, row.Stage, row.StageStep));
        Assert.Equal(new Dictionary<string, double> { ["loss"] = 0.5 }, row.Values);
    }

    [Fact]
    public async Task A_run_that_resumes_drops_the_rows_after_its_checkpoint()
    {
        await Write(0, Row(1), Row(2), Row(3));
        await Write(2, Row(3, loss: 9));
        Assert.Equal([(1L, 1.0), (2L, 1.0), (3L, 9.0)], MetricsLog.Read(Folder.Metrics).Select(r => (r.RunStep, r.Values["loss"])));
    }

    [Theory]
    [InlineData("{\"run_step\":3,\"stage\":\"SFT\",\"step\":3,\"lo")]
    [InlineData("{\"run_step\":3")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task A_last_line_cut_short_is_left_out(string torn)
    {
        await Write(0, Row(1), Row(2));
        await File.AppendAllTextAsync(Folder.Metrics, torn);
        Assert.Equal([1L, 2], MetricsLog.Read(Folder.Metrics).Select(r => r.RunStep));
        await Write(2, Row(3));
        Assert.Equal([1L, 2, 3], MetricsLog.Read(Folder.Metrics).Select(r => r.RunStep));
        Assert.Equal(3, (await File.ReadAllLinesAsync(Folder.Metrics)).Length);
    }

    [Theory]
    [InlineData("{}", "run_step is missing")]
    [InlineData("[]", "it is no object")]
    [InlineData("""{"run_step":2,"stage":"SFT","step":2,"loss":"low"}""", "loss is \"low\"")]
    [InlineData("""{"run_step":2.5,"stage":"SFT","step":2}""", "run_step is 2.5")]
    [InlineData("""{"run_step":2,"stage":null,"step":2}""", "stage is null")]
    [InlineData("""{"run_step":2,"stage":"SFT","step":2,"step":3}""", "")]
    [InlineData("""{"run_step":2,"stage":"\ud800","step":2}""", "Cannot read incomplete UTF-16 JSON text")]
    public async Task A_line_that_was_damaged_is_an_error_that_names_it_and_nothing_is_written(string line, string how)
    {
        await Write(0, Row(1), Row(2), Row(3));
        var lines = await File.ReadAllLinesAsync(Folder.Metrics);
        await File.WriteAllLinesAsync(Folder.Metrics, [lines[0], line, lines[2]]);
        var damage = await Assert.ThrowsAsync<InvalidDataException>(() => Write(2, Row(3)));
        Assert.StartsWith($"{Folder.Metrics}:2: the line was damaged after it was written ({how}", damage.Message,
            StringComparison.Ordinal);
        Assert.Equal([lines[0], line, lines[2]], await File.ReadAllLinesAsync(Folder.Metrics));
    }

    [Fact]
    public async Task A_line_that_is_not_UTF_8_is_an_error_that_names_it()
    {
        await Write(0, Row(1));
        await File.AppendAllTextAsync(Folder.Metrics, "{\"run_step\":2,\"stage\":\"S\u00e9\",\"step\":2}\n", System.Text.Encoding.Latin1);
        Assert.StartsWith($"{Folder.Metrics}:2: the line was damaged after it was written (Cannot transcode invalid UTF-8",
            Assert.Throws<InvalidDataException>(() => MetricsLog.Read(Folder.Metrics).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_is_in_the_file_when_the_call_returns()
    {
        await using var log = new MetricsLog(Folder, "SFT", 0);
        log.Write(Row(1));
        Assert.Equal([1L], MetricsLog.Read(Folder.Metrics).Select(r => r.RunStep));
    }

    [Fact]
    public async Task Every_stage_is_a_series_of_TensorBoard_and_a_resumed_run_writes_its_own_anew()
    {
        await Write(0, Row(1), Row(2));
        await Write("DPO", 2, Row(3, stage: "DPO"));
        Assert.Equal(["DPO", "SFT"], Directory.GetDirectories(Folder.TensorBoard).Select(d => Path.GetFileName(d)).Order());
        var events = Assert.Single(Directory.GetFiles(Path.Combine(Folder.TensorBoard, "SFT")));
        Assert.Contains("tfevents", Path.GetFileName(events));
        Assert.Contains("loss", await File.ReadAllTextAsync(events));
        await Write("DPO", 2);
        Assert.Equal(events, Assert.Single(Directory.GetFiles(Path.Combine(Folder.TensorBoard, "SFT"))));
        Assert.DoesNotContain("loss", string.Concat(Directory.GetFiles(Path.Combine(Folder.TensorBoard, "DPO")).Select(File.ReadAllText)));
    }

    [Fact]
    public void A_file_that_is_not_there_has_no_rows() => Assert.Empty(MetricsLog.Read(Folder.Metrics));

    private static MetricsRow Row(int step, double loss = 1, string stage = "SFT") =>
        new(step, stage, step, new Dictionary<string, double> { ["loss"] = loss });

    private Task Write(long lastRunStep, params MetricsRow[] rows) => Write("SFT", lastRunStep, rows);

    private async Task Write(string stage, long lastRunStep, params MetricsRow[] rows)
    {
        await using var log = new MetricsLog(Folder, stage, lastRunStep);
        foreach (var row in rows)
            log.Write(row);
    }
}
