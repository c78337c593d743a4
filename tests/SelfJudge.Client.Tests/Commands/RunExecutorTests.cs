using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests.Commands;

[Collection(Printed.OneConsole.Name)]
public sealed class RunExecutorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Printed _printed = new();

    public void Dispose()
    {
        _printed.Dispose();
        _folder.Dispose();
    }

    private Task<int> Follow(TestStatus.Run run, CancellationToken cancellation = default) =>
        RunExecutor.Follow(run, new RunFolder(_folder.Path), run.GetStatus, cancellation);

    [Fact]
    public async Task A_cancelled_run_ends_with_three_and_says_how_to_go_on()
    {
        Assert.Equal(3, await Follow(new TestStatus.Run(TestStatus.Of(RunState.Cancelled, "JSFT", 4, 9))));
        Assert.Equal($"cancelled after step 4 of JSFT; go on with: resume {_folder.Path}", _printed.Lines[^1]);
    }

    [Fact]
    public async Task A_failed_run_ends_with_one_and_says_whether_to_resume_it()
    {
        Assert.Equal(1, await Follow(new TestStatus.Run(TestStatus.Of(RunState.Failed, "JSFT", 4, 9, "the disk is full"))));
        Assert.Equal($"the run failed: the disk is full\nwhat it made is in {_folder.Path}; once the cause is mended, go on with: resume "
            + $"{_folder.Path}\n", _printed.Errors);
    }

    [Fact]
    public async Task A_run_that_fails_by_its_own_recipe_is_not_to_be_resumed()
    {
        await Follow(new TestStatus.Run(TestStatus.Of(RunState.Failed, "JSFT", 4, 9, "the judge knows nothing", canResume: false)));
        Assert.EndsWith("a resumed run would fail again: start one with other settings, in another folder\n", _printed.Errors);
    }

    [Fact]
    public async Task Who_has_seen_enough_leaves_the_run_alone_and_ends_with_zero()
    {
        var run = new TestStatus.Run(TestStatus.Of(RunState.Running, "JSFT", 4, 9, "two workers\nno reference"));
        Assert.Equal(0, await Follow(run, new CancellationToken(canceled: true)));
        Assert.Equal(["note: two workers", "note: no reference", "12 s JSFT 4/9"], _printed.Lines);
        Assert.False(run.IsCancelled);
    }
}
