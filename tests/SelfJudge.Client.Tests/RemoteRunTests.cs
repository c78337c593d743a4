using SelfJudge.Abstractions;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class RemoteRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public RemoteRunTests() => _run = new RunFolder(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_that_answers_is_taken_at_its_word()
    {
        var status = TestStatus.Of(RunState.Running, "JSFT", 1, 2);
        Assert.Same(status, await RemoteRun.GetStatus(new TestStatus.Run(status), _run));
    }

    [Fact]
    public async Task A_run_whose_process_is_gone_is_not_waited_for() =>
        Assert.Equal("the process is gone",
            (await Assert.ThrowsAsync<TimeoutException>(() => RemoteRun.GetStatus(new Silent(), _run))).Message);

    [Fact]
    public async Task How_a_run_ended_whose_process_left_in_order_its_folder_tells()
    {
        File.WriteAllText(_run.Recipe, File.ReadAllText(ShippedRecipes.PathOf("smoke")));
        var end = await RemoteRun.ReadEnd(_run, new TimeoutException());
        Assert.Equal(("stopped", "", 0, ""), (end.State, end.Stage, end.Step, end.Position));
        File.WriteAllText(_run.Result, "{}");
        Assert.Equal("completed", (await RemoteRun.ReadEnd(_run, new TimeoutException())).State);
    }

    [Fact]
    public async Task A_process_that_left_its_address_behind_was_killed_and_a_silent_cluster_is_said()
    {
        new RunAddress("r", 4_194_305, 30000, "c", "s", "").Write(_run); // no process has this number
        Assert.Equal(
            $"the process that executed run {_run.Name} is gone; 'resume {_run.Path}' goes on with it",
            (await Assert.ThrowsAsync<UserError>(() => RemoteRun.ReadEnd(_run, new TimeoutException()))).Message);
        new RunAddress("r", RunAddress.Elsewhere, 30000, "c", "s", "").Write(_run);
        Assert.Equal(
            $"the silo at 127.0.0.1:30000, which executes run {_run.Name}, answers no more: nothing in 30 s",
            (await Assert.ThrowsAsync<UserError>(() => RemoteRun.ReadEnd(_run, new TimeoutException("nothing in 30 s")))).Message);
    }

    private sealed class Silent : IRunGrain
    {
        public Task Start(RunRequest request) => Task.CompletedTask;

        public Task Cancel() => Task.CompletedTask;

        public Task<RunStatus> GetStatus() => new TaskCompletionSource<RunStatus>().Task;

        public Task<string?> GetResult() => Task.FromResult<string?>(null);
    }
}
