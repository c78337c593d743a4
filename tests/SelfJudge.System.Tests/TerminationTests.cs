using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>Signals: the first asks for an end in order, the second ends at once.</summary>
public sealed class TerminationTests : IDisposable
{
    // Of processor time, which a machine that is busy with other things does not lengthen: 5 s on two cores that compute.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(10);

    private readonly TemporaryFolder _folder = new();

    private string Run => _folder["run"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false, 130)]
    [InlineData(true, 143)]
    public async Task A_second_signal_ends_a_run_at_once_in_a_step_of_minutes_and_what_is_on_disk_stays(bool isTerminate, int exitCode)
    {
        SkipWithoutSignals();
        await using var running = _folder.StartClient(TrainWithLongSecondStage());
        await InTheLongStep(running);
        Signal(running, isTerminate);
        Assert.Equal($"stopping at the end of step 1 of Self-Judge; press Ctrl-C again to end at once: checkpoint "
            + $"step-{SmallRun.JsftSteps} is on disk",
            await running.Line("stopping"));
        await AssertEndsAtOnce(running, () => Signal(running, isTerminate), exitCode);
        Assert.Equal(SmallRun.JsftSteps, SmallRun.NewestCheckpoint(Run));
        Assert.Equal(Enumerable.Range(1, SmallRun.JsftSteps), SmallRun.Metrics(Run).Select(r => (int)r["run_step"]!));
        var shown = await _folder.Client("show", Run);
        Assert.StartsWith("run run: stopped, ", shown.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_closed_terminal_ends_a_run_in_order_however_often_that_is_said()
    {
        SkipWithoutSignals();
        await using var running = _folder.StartClient(SmallRun.Train(Run, [.. SmallRun.Set("stages.JSFT.policy_examples=10000")]));
        await running.Until(() => SmallRun.NewestCheckpoint(Run) > 0, "a checkpoint");
        running.HangUp();
        await running.Line("stopping");
        running.HangUp();
        var ended = await running.End();
        Assert.True(ended.ExitCode == 3, ended.ToString());
        var step = SmallRun.NewestCheckpoint(Run);
        Assert.EndsWith($"\ncancelled after step {step} of JSFT; go on with: resume {Run}\n", ended.Output, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, step), SmallRun.Metrics(Run).Select(r => (int)r["run_step"]!));
    }

    [Fact]
    public async Task A_run_under_nohup_outlives_its_terminal()
    {
        SkipWithoutSignals();
        await using var running = ConsoleProcess.Start("nohup", _folder.Path,
            [Programs.DotNet, "exec", Programs.Client, .. SmallRun.Train(Run)]);
        await running.Until(() => SmallRun.NewestCheckpoint(Run) > 0, "a checkpoint");
        running.HangUp();
        var ended = await running.End();
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Equal(SmallRun.Steps, SmallRun.Metrics(Run).Count);
    }

    [Fact]
    public async Task A_silo_ends_in_order_when_its_terminal_is_closed_and_at_once_when_it_is_told_twice()
    {
        SkipWithoutSignals();
        await using (var idle = await Silo.Start(_folder))
            await idle.AssertEndsWhen(p => p.HangUp());
        await using var silo = await Silo.Start(_folder);
        await using var client = _folder.StartClient([.. TrainWithLongSecondStage(), "--cluster", silo.Gateway]);
        await InTheLongStep(client);
        silo.Process.Terminate();
        await silo.Process.Until(() => silo.Process.Errors.Contains(Silo.Waits, StringComparison.Ordinal), "a word that it waits");
        await AssertEndsAtOnce(silo.Process, silo.Process.Terminate, 143);
    }

    [Fact]
    public async Task Ctrl_C_ends_a_dialogue_that_waits_for_its_user()
    {
        SkipWithoutSignals();
        await using var chat = _folder.StartClient("chat", "--model", TestData.Path("llama"), "--template", "plain", "--max-new-tokens",
            "4");
        chat.Type("Once upon a time");
        await chat.Until(() => chat.Output.Length > 0, "an answer");
        chat.Interrupt();
        var ended = await chat.End();
        Assert.True(ended.ExitCode == 3, ended.ToString());
    }

    [Fact]
    public async Task Ctrl_C_in_a_command_that_leaves_nothing_behind_is_no_error()
    {
        SkipWithoutSignals();
        await using var plan = _folder.StartClient("plan", "--recipe", SmallRun.Recipe("smoke.yaml"));
        await plan.Until(() => plan.Errors.Contains("dry run of ", StringComparison.Ordinal), "the dry run");
        await using var tokenize = _folder.StartClient("tokenize", "--model", TestData.Path("llama"));
        tokenize.Type("\"Once upon a time\"");
        await tokenize.Until(() => tokenize.Output.Length > 0, "the ids of a line");
        foreach (var process in new[] { plan, tokenize })
        {
            process.Interrupt();
            var ended = await process.End();
            Assert.True(ended.ExitCode == 3, ended.ToString());
            Assert.DoesNotContain("an error in selfjudge itself", ended.Errors, StringComparison.Ordinal);
        }
    }

    // A second stage whose first step samples for minutes.
    private string[] TrainWithLongSecondStage() =>
        SmallRun.Train(Run, [.. SmallRun.Set("stages.Self-Judge.prompts=4000", "sampling.max_new_tokens=200")]);

    // The line comes when the stage is entered, and again ten seconds later.
    private static Task InTheLongStep(ConsoleProcess running) =>
        running.Until(() => running.Output.Split("  Self-Judge 0/8").Length > 2, "the long step");

    private static void Signal(ConsoleProcess process, bool isTerminate)
    {
        if (isTerminate)
            process.Terminate();
        else
            process.Interrupt();
    }

    private static async Task AssertEndsAtOnce(ConsoleProcess process, Action signal, int exitCode)
    {
        var before = process.ProcessorTime;
        signal();
        var ended = await process.End();
        Assert.True(ended.ExitCode == exitCode, ended.ToString());
        Assert.True(ended.ProcessorTime - before < AtOnce, ended.ToString());
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    private static void SkipWithoutSignals()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs signals");
    }
}
