using System.Text.RegularExpressions;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class RunsCommandTests(UninterruptedRun uninterrupted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Run => _folder["runs/one"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_is_shown_watched_and_cancelled_by_other_processes_and_gone_on_with()
    {
        const int Steps = 200; // enough that five consoles have started and ended meanwhile, however busy the machine
        await using var running = _folder.StartClient(SmallRun.Train("runs/one", [.. SmallRun.Set($"stages.Self-Judge.steps={Steps}")]));
        await running.Until(() => SmallRun.NewestCheckpoint(Run) > SmallRun.JsftSteps, "the second stage");
        await using var watching = _folder.StartClient("watch", "one");
        await watching.Line("");

        Assert.Matches($"^run one: running, Self-Judge [0-9]+/{Steps}\n", (await Succeed("show", "one")).Output);
        Assert.Matches($"one +smoke +running +Self-Judge +[0-9]+/{Steps}", (await Succeed("runs")).Output);

        // A folder in use is nobody else's.
        await AssertFails($"process {running.Id} is executing the run in {Run}; watch it with 'watch {Run}', "
            + $"or stop it with 'cancel {Run}'", "resume", "one");
        await AssertFails("runs/one holds a run already: go on with it by 'resume runs/one', or name another folder with --out",
            SmallRun.Train("runs/one"));

        var cancelled = await Succeed("cancel", "one");
        Assert.Matches("^run one is (cancelled|stopped) after step [0-9]+ of Self-Judge\n$", cancelled.Output);
        var step = int.Parse(Regex.Match(cancelled.Output,
            "^run one is (cancelled|stopped) after step ([0-9]+) of Self-Judge\n$").Groups[2].Value);
        Assert.InRange(step, 1, Steps - 1);
        var stopped = await running.End();
        var watched = await watching.End();
        Assert.Equal((3, 3), (stopped.ExitCode, watched.ExitCode));
        Assert.EndsWith($"cancelled after step {step} of Self-Judge; go on with: resume {Run}\n", stopped.Output, StringComparison.Ordinal);
        // Who follows hears it of the run, or, when its process was faster to end, of the run's folder.
        Assert.Matches($"(cancelled|stopped) after step {step} of Self-Judge; go on with: resume {Run}\n$", watched.Output);

        Assert.DoesNotMatch("Self-Judge .* response loss", stopped.Output);

        // It stopped at a step boundary: the step is whole, and nothing is made of the next.
        Assert.Equal(SmallRun.JsftSteps + step, SmallRun.NewestCheckpoint(Run));
        Assert.Equal(SmallRun.JsftSteps + step, SmallRun.Metrics(Run).Count);
        Assert.StartsWith($"run one: stopped, Self-Judge {step}/{Steps}\n", (await Succeed("show", "one")).Output,
            StringComparison.Ordinal);

        await Succeed("resume", "one");
        Assert.Equal(Enumerable.Range(1, SmallRun.JsftSteps + Steps), SmallRun.Metrics(Run).Select(r => (int)r["run_step"]!));
        Assert.Matches($"one +smoke +completed +Self-Judge +{Steps}/{Steps}", (await Succeed("runs")).Output);
    }

    [Fact]
    public async Task Ctrl_C_waits_for_the_end_of_a_long_step()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs SIGINT");
        await using var running = _folder.StartClient(SmallRun.Train(Run, [.. SmallRun.Set("stages.JSFT.policy_examples=10000")]));
        await running.Until(() => SmallRun.NewestCheckpoint(Run) > 0, "a checkpoint");
        running.Interrupt();
        var ended = await running.End();
        Assert.True(ended.ExitCode == 3, ended.ToString());
        var step = SmallRun.NewestCheckpoint(Run);
        Assert.Matches($"\nstopping at the end of step {step} of JSFT; press Ctrl-C again to end at once: checkpoint step-{step - 1} is "
            + $"on disk\n", ended.Output);
        Assert.EndsWith($"\ncancelled after step {step} of JSFT; go on with: resume {Run}\n", ended.Output, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, step), SmallRun.Metrics(Run).Select(r => (int)r["run_step"]!));
    }

    [Fact]
    public async Task Who_follows_a_run_whose_process_is_killed_is_told()
    {
        await using var running = _folder.StartClient(SmallRun.Train("runs/one", [.. SmallRun.Set("stages.JSFT.steps=2000")]));
        await running.Until(() => SmallRun.NewestCheckpoint(Run) > 0, "a checkpoint");
        await using var watching = _folder.StartClient("watch", "one");
        await watching.Line("");
        await running.Kill();
        var watched = await watching.End();
        Assert.True(watched.ExitCode == 1, watched.ToString());
        Assert.Equal($"the process that executed run one is gone; 'resume {Run}' goes on with it\n", watched.Errors);
    }

    [Fact]
    public async Task A_completed_run_is_shown_and_not_executed_again()
    {
        var run = await uninterrupted.Folder;
        var shown = await Succeed("show", run);
        Assert.StartsWith($"run reference: completed, Self-Judge {SmallRun.SelfJudgeSteps}/{SmallRun.SelfJudgeSteps}\n", shown.Output,
            StringComparison.Ordinal);
        Assert.Matches("\n +Self-Judge +[0-9.]+ ", shown.Output);
        await AssertFails($"run reference is completed: 'show {run}' prints its result", "resume", run);
        foreach (var command in new[] { "watch", "cancel" })
            await AssertFails($"no process is executing run reference: it is completed; 'show {run}' prints its result", command, run);
    }

    [Fact]
    public async Task A_run_without_steps_and_a_run_without_a_recipe_to_read_are_listed()
    {
        Directory.CreateDirectory(_folder["runs/new"]);
        File.Copy(SmallRun.Recipe("smoke.yaml"), _folder["runs/new/recipe.yaml"]);
        Directory.CreateDirectory(_folder["runs/odd"]);
        File.WriteAllText(_folder["runs/odd/recipe.yaml"], "stages: 3");
        var listed = await Succeed("runs");
        Assert.Matches("\n +new +smoke +stopped +\n +odd +damaged +\n", listed.Output);
        Assert.Equal("run new: stopped, before its first step\n", (await Succeed("show", "new")).Output);
    }

    [Fact]
    public async Task Where_there_are_no_runs_that_is_said()
    {
        Assert.Equal("no runs here: 'demo' or 'train' makes one\n", (await Succeed("runs")).Output);
        foreach (var command in new[] { "show", "watch", "cancel", "resume" })
            await AssertFails("there is no run 'nowhere': neither a run's folder nor an id under runs/; 'runs' lists those that are there",
                command, "nowhere");
    }

    private async Task<Ended> Succeed(params string[] arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return ended;
    }

    private async Task AssertFails(string message, params string[] arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message + "\n", ended.Errors);
    }
}
