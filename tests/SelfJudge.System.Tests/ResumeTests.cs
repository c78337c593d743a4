using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class ResumeTests(UninterruptedRun uninterrupted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Run => _folder["run"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_that_its_judges_gate_stops_is_not_said_to_go_on_by_resume()
    {
        // After twelve steps the judge knows nothing yet.
        var ended = await _folder.Client(SmallRun.Train(Run, "--set", "judge.gate=true"));
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.StartsWith("the run failed: stage Self-Judge learns from JSFT: its ", ended.Errors, StringComparison.Ordinal);
        Assert.EndsWith("with judge.gate=false it trains all the same\n"
            + $"what it made is in {Run}; a resumed run would fail again: start one with other settings, in another folder\n", ended.Errors,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("JSFT", 4)]
    [InlineData("Self-Judge", SmallRun.JsftSteps + 3)]
    public async Task A_run_killed_in_a_stage_ends_as_if_nothing_had_happened(string stage, int step)
    {
        var expected = await uninterrupted.Folder;
        await KillAt(SmallRun.Train(Run), () => SmallRun.NewestCheckpoint(Run) >= step, $"checkpoint {step}");
        Assert.Equal(stage != "JSFT", Directory.Exists(Path.Combine(Run, "stages", "JSFT")));
        Assert.False(File.Exists(Path.Combine(Run, "adapter", "adapter_model.safetensors")));
        var resumed = await _folder.Client("resume", Run);
        Assert.True(resumed.ExitCode == 0, resumed.ToString());
        await SmallRun.AssertSame(expected, Run);
    }

    [Fact]
    public async Task A_run_killed_again_and_again_ends_as_if_nothing_had_happened()
    {
        var expected = await uninterrupted.Folder;
        await KillAt(SmallRun.Train(Run), () => File.Exists(Path.Combine(Run, "recipe.yaml")), "the first file");
        await KillAt(["resume", Run], () => SmallRun.NewestCheckpoint(Run) >= 3, "checkpoint 3");
        await KillAt(["resume", Run], () => SmallRun.NewestCheckpoint(Run) > 5
            && Directory.GetFiles(Path.Combine(Run, "checkpoints"), ".writing-step-*").Length > 0, "a checkpoint that is being written");
        await KillAt(["resume", Run], () => Directory.Exists(Path.Combine(Run, "stages", "JSFT")), "the end of the first stage");
        await KillAt(["resume", Run], () => SmallRun.NewestCheckpoint(Run) > SmallRun.JsftSteps + 1, "the second stage");
        await KillAt(["resume", Run], () => File.Exists(Path.Combine(Run, "triplets.parquet")), "the evaluation");
        var resumed = await _folder.Client("resume", Run);
        Assert.True(resumed.ExitCode == 0, resumed.ToString());
        await SmallRun.AssertSame(expected, Run);
        Assert.Empty(Directory.GetFileSystemEntries(Run, ".writing-*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_damaged_newest_checkpoint_is_named_and_the_one_before_it_is_as_good()
    {
        var expected = await uninterrupted.Folder;
        await KillAt(SmallRun.Train(Run), () => SmallRun.NewestCheckpoint(Run) > SmallRun.JsftSteps + 2, "the second stage");
        var newest = SmallRun.NewestCheckpoint(Run);
        Truncate(newest);
        var resumed = await _folder.Client("resume", Run);
        Assert.True(resumed.ExitCode == 0, resumed.ToString());
        Assert.Matches($"note: {Damaged(newest)}; falling back to the checkpoint before it\n", resumed.Output);
        await SmallRun.AssertSame(expected, Run);
    }

    [Fact]
    public async Task Where_every_checkpoint_is_damaged_there_is_one_error_that_names_each()
    {
        await KillAt(SmallRun.Train(Run), () => SmallRun.NewestCheckpoint(Run) >= 3, "checkpoint 3");
        var steps = SmallRun.Checkpoints(Run).OrderDescending().ToList();
        steps.ForEach(Truncate);
        var resumed = await _folder.Client("resume", Run);
        Assert.True(resumed.ExitCode == 1, resumed.ToString());
        Assert.Matches(
            $"^the run failed: no checkpoint in {Path.Combine(Run, "checkpoints")} can be used: "
                + $"{string.Join("; ", steps.Select(Damaged))}\n" +
            $"what it made is in {Run}; once the cause is mended, go on with: resume {Run}\n$", resumed.Errors);
    }

    private string Checkpoint(int step) => Path.Combine(Run, "checkpoints", $"step-{step}.safetensors");

    // The pattern of what is said of a checkpoint that was cut in half.
    private string Damaged(int step) =>
        $@"checkpoint {Checkpoint(step)} is damaged: tensor [\w.]+ lies at \[\d+, \d+\], "
                + @"outside the file's \d+ bytes of data: the file is truncated or damaged";

    private void Truncate(int step)
    {
        using var file = File.Open(Checkpoint(step), FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    private async Task KillAt(string[] arguments, Func<bool> moment, string what)
    {
        await using var process = _folder.StartClient(arguments);
        await process.Until(moment, what);
        await process.Kill();
    }
}
