using SelfJudge.Grains.Runs;
using SelfJudge.Grains.Tests.Cluster;

namespace SelfJudge.Grains.Tests.Runs;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private RunFolder Folder => new(_temporary.Path);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public async Task A_step_is_one_line_of_json()
    {
        await using (var log = new MetricsLog(Folder, 0))
            log.Write(new MetricsRow(7, "SFT", 3, new Dictionary<string, double> { ["loss"] = 0.5, ["judge/accuracy"] = double.NaN }), Task.CompletedTask);
        Assert.Equal(["""{"run_step":7,"stage":"SFT","step":3,"loss":0.5,"judge/accuracy":null}"""], await File.ReadAllLinesAsync(Folder.Metrics));
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

    [Fact]
    public async Task A_step_is_logged_once_its_checkpoint_is_on_disk_and_not_if_that_fails()
    {
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        var log = new MetricsLog(Folder, 0);
        log.Write(Row(1), first.Task);
        log.Write(Row(2), second.Task);
        log.Write(Row(3), Task.CompletedTask);
        Assert.Empty(MetricsLog.Read(Folder.Metrics));
        first.SetResult();
        second.SetException(new IOException("the disk is full"));
        await log.DisposeAsync();
        Assert.Equal([1L], MetricsLog.Read(Folder.Metrics).Select(r => r.RunStep));
    }

    [Fact]
    public async Task Every_stage_is_a_series_of_TensorBoard_and_a_resumed_run_writes_them_anew()
    {
        await Write(0, Row(1), Row(2), Row(3, stage: "DPO"));
        Assert.Equal(["DPO", "SFT"], Directory.GetDirectories(Folder.TensorBoard).Select(d => Path.GetFileName(d)).Order());
        var events = Assert.Single(Directory.GetFiles(Path.Combine(Folder.TensorBoard, "SFT")));
        Assert.Contains("tfevents", Path.GetFileName(events));
        Assert.Contains("loss", await File.ReadAllTextAsync(events));
        await Write(2);
        Assert.Equal(["SFT"], Directory.GetDirectories(Folder.TensorBoard).Select(d => Path.GetFileName(d)));
    }

    [Fact]
    public void A_file_that_is_not_there_has_no_rows() => Assert.Empty(MetricsLog.Read(Folder.Metrics));

    private static MetricsRow Row(int step, double loss = 1, string stage = "SFT") => new(step, stage, step, new Dictionary<string, double> { ["loss"] = loss });

    private async Task Write(long lastRunStep, params MetricsRow[] rows)
    {
        await using var log = new MetricsLog(Folder, lastRunStep);
        foreach (var row in rows)
            log.Write(row, Task.CompletedTask);
    }
}
