using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Runs;

public sealed partial class RunGrainTests
{
    [Fact]
    public async Task A_run_that_is_being_executed_is_followed_by_the_same_request_and_no_other()
    {
        await using var cluster = await GrainCluster.Start();
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 ? gate.Pass() : Task.CompletedTask;
        var request = TestRuns.Request(TestRuns.SelfJudge(), _folder.In("run"));
        await Run(cluster, "run").Start(request);
        await gate.Reached;
        Directory.CreateSymbolicLink(_folder.In("link"), _folder.In("run"));
        await Run(cluster, "run").Start(request with { Folder = _folder.In("link") });
        var elsewhere = await Assert.ThrowsAsync<RunFolderException>(() =>
            Run(cluster, "run").Start(request with { Folder = _folder.In("other") }));
        Assert.Equal($"run run is being executed in {_folder.In("run")}, not in {_folder.In("other")}: "
            + "start the other one under another id", elsewhere.Message);
        var otherwise = await Assert.ThrowsAsync<RunFolderException>(() =>
            Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(steps: 5), _folder.In("run"))));
        Assert.Equal($"run run is being executed in {_folder.In("run")} by another recipe: wait for its end, or start the other recipe in "
            + $"another folder", otherwise.Message);
        Assert.False(Directory.Exists(_folder.In("other")));
        gate.Open();
        Assert.Equal((RunState.Completed, 4), ((await End(cluster, "run")).State, cluster.Host.Trained.Items.Count));
        Assert.Equal($"{_folder.In("run")} holds a run of another recipe: start this one in another folder, or go on with that one by "
            + $"'resume {_folder.In("run")}'",
            (await Assert.ThrowsAsync<RunFolderException>(() =>
                Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(steps: 5), _folder.In("run"))))).Message);
    }

    [Fact]
    public async Task A_folder_with_files_of_somebody_else_is_refused_and_left_as_it_is()
    {
        await using var cluster = await GrainCluster.Start();
        Directory.CreateDirectory(_folder.In("run"));
        File.WriteAllText(_folder.In("run/metrics.jsonl"), "mine");
        await Assert.ThrowsAsync<RunFolderException>(() =>
            Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(), _folder.In("run"))));
        Assert.Equal(RunState.Created, (await Run(cluster, "run").GetStatus()).State);
        Assert.Equal("mine", File.ReadAllText(_folder.In("run/metrics.jsonl")));
        Assert.Single(Directory.GetFileSystemEntries(_folder.In("run")));
    }

    [Theory]
    [InlineData("stages.json", "")]
    [InlineData("stages.json", "[null]")]
    [InlineData("stages.json", "null")]
    [InlineData("stages.json", """[{"name":"SFT"}]""")]
    [InlineData("checkpoints/epoch", "x")]
    [InlineData("metrics.jsonl", "x\n")]
    [InlineData("triplets.jsonl", "x\n")]
    public async Task A_damaged_file_of_the_folder_fails_the_run_by_its_name(string file, string content)
    {
        await using var cluster = await GrainCluster.Start();
        await FailInTheSecondStage(cluster);
        var whole = File.Exists(_folder.In($"run/{file}")) ? File.ReadAllText(_folder.In($"run/{file}")) : null;
        File.WriteAllText(_folder.In($"run/{file}"), content);
        var failed = await Complete(cluster, "run", TwoStages);
        Assert.Equal(RunState.Failed, failed.State);
        Assert.StartsWith(_folder.In($"run/{file}"), failed.Message, StringComparison.Ordinal);
        Assert.Contains("damaged", failed.Message, StringComparison.Ordinal);
        if (whole is null)
            File.Delete(_folder.In($"run/{file}"));
        else
            File.WriteAllText(_folder.In($"run/{file}"), whole);
        Assert.Equal(RunState.Completed, (await Complete(cluster, "run", TwoStages)).State);
    }

    [Theory]
    [InlineData("stages.json")]
    [InlineData("stages/SFT")]
    public async Task Without_a_stage_that_was_finished_no_later_one_takes_up_its_checkpoints(string missing)
    {
        await using var cluster = await GrainCluster.Start();
        await FailInTheSecondStage(cluster);
        Directory.Move(_folder.In($"run/{missing}"), _folder.In("aside"));
        var failed = await Complete(cluster, "run", TwoStages);
        var folder = new RunFolder(_folder.In("run"));
        Assert.Equal(RunState.Failed, failed.State);
        Assert.Equal($"{folder.Checkpoints} holds step 4 of stage Self-Judge, but by {folder.StageResults} and {folder.Stages} stage SFT "
            + $"before it is not finished: put back what is missing, or delete {folder.Checkpoints}: stage SFT then begins anew",
            failed.Message);
        Directory.Delete(folder.Checkpoints, recursive: true);
        var end = await Complete(cluster, "run", TwoStages);
        Assert.Equal((RunState.Completed, null), (end.State, end.Message));
        Assert.Equal([1L, 2, 3, 4, 5, 6], MetricsLog.Read(folder.Metrics).Select(r => r.RunStep));
    }

    [Fact]
    public async Task A_checkpoint_is_not_gone_on_with_from_another_model_than_it_came_from()
    {
        await using var cluster = await GrainCluster.Start();
        await FailInTheSecondStage(cluster);
        var folder = new RunFolder(_folder.In("run"));
        FolderSeal.Write(Path.Combine(folder.Stages, "SFT"));
        var failed = await Complete(cluster, "run", TwoStages);
        Assert.Equal($"{folder.Checkpoints} holds step 4 of stage Self-Judge, which was made from another model than stage SFT has left: "
            + $"put back what is missing, or delete {folder.Checkpoints}: stage Self-Judge then begins anew", failed.Message);
    }

    [Fact]
    public async Task A_run_begun_anew_where_another_failed_learns_nothing_from_it()
    {
        await using var cluster = await GrainCluster.Start(new PromptGrainOptions { ResendAfter = TimeSpan.FromMilliseconds(20) });
        cluster.Host.OnStep = version => version == 2 ? throw new InvalidOperationException("the device is on fire") : Task.CompletedTask;
        Assert.Equal(RunState.Failed, (await Complete(cluster, "run", TestRuns.SelfJudge())).State);
        // Its prompts keep what nobody has acknowledged, and send it again.
        var since = cluster.Streamed.Items.Count;
        await cluster.Streamed.Until(b => b.Skip(since).Count(s => s.Step == 3) >= 3);
        Directory.Delete(_folder.In("run"), recursive: true);
        cluster.Host.OnStep = _ => Task.CompletedTask;
        var anew = TestRuns.SelfJudge() with { Seed = 7 };
        await Complete(cluster, "whole", anew);
        await AssertSameEnd(cluster, anew, new RunFolder(_folder.In("run")));
    }

    [Fact]
    public async Task A_folder_that_is_deleted_while_the_run_is_executed_is_said_to_be_gone()
    {
        await using var cluster = await GrainCluster.Start();
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 ? gate.Pass() : Task.CompletedTask;
        await Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(), _folder.In("run")));
        await gate.Reached;
        Directory.Move(_folder.In("run"), _folder.In("moved"));
        gate.Open();
        var failed = await End(cluster, "run");
        Assert.Equal(RunState.Failed, failed.State);
        Assert.StartsWith($"the run's folder {_folder.In("run")} is gone: it was deleted or moved while the run was executed. Where it "
            + $"was moved, go on with it by 'resume' there (", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("epoch 0", failed.Message, StringComparison.Ordinal);
        cluster.Host.OnStep = _ => Task.CompletedTask;
        await Run(cluster, "moved").Start(TestRuns.Request(TestRuns.SelfJudge(), _folder.In("moved")));
        Assert.Equal((RunState.Completed, null), ((await End(cluster, "moved")).State, (await Run(cluster, "moved").GetStatus()).Message));
    }
}
