using Parquet.Serialization;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Logs;

public sealed class TripletLogTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private RunFolder Folder => new(_temporary.Path);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public async Task The_journal_becomes_a_parquet_file_with_every_column()
    {
        using (var log = new TripletLog(Folder, 0))
            log.Write([Row(1, 4), Row(2, 5)]);
        await TripletLog.FinishAsync(Folder);
        Assert.False(File.Exists(Folder.TripletJournal));
        var rows = (await ParquetSerializer.DeserializeAsync<TripletRow>(Folder.Triplets)).Data;
        Assert.Equal([1L, 2], rows.Select(r => r.RunStep));
        var row = rows[0];
        Assert.Equal(("Self-Judge", 7, 4, 1), (row.Stage, row.Step, row.PromptIndex, row.Match));
        Assert.Equal(("what is the opposite of hot ?", "answer 101", "answer 201"), (row.Prompt, row.Chosen, row.Rejected));
        Assert.Equal((0.75, 0.15, true, 6L), (row.ChosenScore, row.RejectedScore, row.OrdersAgree, row.PolicyVersion));
        Assert.Equal((101UL, ulong.MaxValue), ((ulong)row.ChosenSeed, (ulong)row.RejectedSeed));
        Assert.Equal([4, 1], row.PromptIds);
        Assert.Equal([101, 0], row.ChosenIds);
        Assert.Equal([201, 0], row.RejectedIds);
    }

    [Fact]
    public async Task A_line_cut_short_is_left_out_and_the_next_begins_afresh()
    {
        using (var log = new TripletLog(Folder, 0))
            log.Write([Row(1, 0), Row(2, 0)]);
        var text = await File.ReadAllTextAsync(Folder.TripletJournal);
        await File.WriteAllTextAsync(Folder.TripletJournal, text[..^20]);
        using (var log = new TripletLog(Folder, 5))
            log.Write([Row(3, 0)]);
        await TripletLog.FinishAsync(Folder);
        Assert.Equal([1L, 3], (await ParquetSerializer.DeserializeAsync<TripletRow>(Folder.Triplets)).Data.Select(r => r.RunStep));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"RunStep":1,"Stage":null}""")]
    public async Task A_line_that_was_damaged_is_an_error_that_names_it(string line)
    {
        using (var log = new TripletLog(Folder, 0))
            log.Write([Row(1, 0), Row(2, 0)]);
        var lines = await File.ReadAllLinesAsync(Folder.TripletJournal);
        await File.WriteAllLinesAsync(Folder.TripletJournal, [line, lines[1]]);
        Assert.StartsWith($"{Folder.TripletJournal}:1: the line was damaged",
            Assert.Throws<InvalidDataException>(() => new TripletLog(Folder, 2)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidDataException>(() => TripletLog.FinishAsync(Folder));
        Assert.False(File.Exists(Folder.Triplets));
    }

    [Fact]
    public async Task A_run_that_resumes_drops_what_comes_after_its_checkpoint()
    {
        using (var log = new TripletLog(Folder, 0))
            log.Write([Row(1, 0), Row(2, 0), Row(3, 0)]);
        using (var log = new TripletLog(Folder, 2))
            log.Write([Row(3, 9)]);
        await TripletLog.FinishAsync(Folder);
        Assert.Equal([(1L, 0), (2L, 0), (3L, 9)],
            (await ParquetSerializer.DeserializeAsync<TripletRow>(Folder.Triplets)).Data.Select(r => (r.RunStep, r.PromptIndex)));
    }

    [Fact]
    public async Task Without_a_journal_there_is_nothing_to_finish_and_what_is_there_stays()
    {
        await TripletLog.FinishAsync(Folder);
        Assert.False(File.Exists(Folder.Triplets));
        using (var log = new TripletLog(Folder, 0))
            log.Write([Row(1, 0)]);
        await TripletLog.FinishAsync(Folder);
        await TripletLog.FinishAsync(Folder);
        Assert.Single((await ParquetSerializer.DeserializeAsync<TripletRow>(Folder.Triplets)).Data);
    }

    private static TripletRow Row(long runStep, int prompt)
    {
        var triplet = TestRuns.Triplet(prompt, 1, version: 6);
        return TripletRow.Of(runStep, TestRuns.Batch("run", 7, prompt),
            triplet with
            {
                Chosen = triplet.Chosen with { PolicyVersion = 8 },
                Rejected = triplet.Rejected with { Seed = ulong.MaxValue }
            });
    }
}
