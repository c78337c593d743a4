using SelfJudge.Modeling.Hosting;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Tests.Judging;

public sealed class HostCallsTests
{
    [Fact]
    public async Task After_eight_refusals_the_refusal_is_the_callers()
    {
        var time = new HastyTime();
        var calls = 0;
        var problem = await Assert.ThrowsAsync<HostBusyException>(() => HostCalls.WithBackOff<int>(time, () =>
        {
            calls++;
            throw new HostBusyException("fake", 4);
        }, default));
        Assert.Equal("model host fake has 4 requests waiting and takes no more for now; try again later, or raise its queue capacity",
            problem.Message);
        Assert.Equal(8, calls);
        Assert.Equal([100, 200, 400, 800, 1600, 3200, 6400], time.Waited.Select(w => w.TotalMilliseconds));
    }

    [Fact]
    public async Task A_refusal_followed_by_an_answer_is_an_answer()
    {
        var (time, calls) = (new HastyTime(), 0);
        Assert.Equal(5, await HostCalls.WithBackOff(time, () =>
            ++calls < 3 ? throw new HostBusyException("fake", 4) : Task.FromResult(5), default));
        Assert.Equal(2, time.Waited.Count);
    }

    [Fact]
    public async Task Other_failures_are_not_tried_again()
    {
        var calls = 0;
        await Assert.ThrowsAsync<UnknownModelException>(() => HostCalls.WithBackOff<int>(new HastyTime(), () =>
        {
            calls++;
            throw new UnknownModelException("fake", "nobody");
        }, default));
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task A_cancelled_caller_does_not_wait()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => HostCalls.WithBackOff<int>(new HastyTime(), () =>
        {
            cancellation.Cancel();
            throw new HostBusyException("fake", 4);
        }, cancellation.Token));
    }

    /// <summary>Every wait is over at once, and written down.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public List<TimeSpan> Waited { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waited.Add(dueTime);
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
