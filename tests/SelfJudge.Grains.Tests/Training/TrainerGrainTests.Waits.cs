using Microsoft.Extensions.Time.Testing;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Grains.Training;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Training;

public sealed partial class TrainerGrainTests
{
    [Fact]
    public async Task Prompts_that_hand_over_nothing_end_the_wait_with_how_many_are_missing()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await GrainCluster.Start([new FakeModelHost { Time = time }]);
        await Open(cluster);
        await cluster.Publish(TestRuns.Batch("run", 1, 1, matches: [0]));
        await cluster.Streamed.Until(b => b.Count == 1);
        var waiting = Trainer(cluster).BeginStep(1, 2, default);
        while (!waiting.IsCompleted)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(10);
        }
        Assert.Equal("step 1: only 1 of 2 prompts handed over their triplets within 600 s",
            (await Assert.ThrowsAsync<TimeoutException>(() => waiting)).Message);
        // The step may be asked for again.
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        Assert.Equal(1, (await Trainer(cluster).TrainOnTriplets(1, 2, default)).Step);
    }

    [Fact]
    public async Task A_step_takes_as_long_as_its_hosts_time_says()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await GrainCluster.Start([new FakeModelHost { Time = time }]);
        await Open(cluster);
        cluster.Host.OnStep = _ =>
        {
            time.Advance(TimeSpan.FromSeconds(40));
            return Task.CompletedTask;
        };
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        time.Advance(TimeSpan.FromSeconds(2));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        Assert.Equal((42, 42), (outcome.Metrics["step_time"], outcome.Seconds));
    }

    [Fact]
    public async Task A_step_that_waits_already_is_not_asked_for_again()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        var first = Trainer(cluster).TrainOnTriplets(1, 1, default);
        await cluster.Calls.Begun.Until(calls => calls.Contains((nameof(ITrainerGrain.BeginStep), "run")));
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() => Trainer(cluster).TrainOnTriplets(1, 1, default));
        Assert.Equal("step 1 was asked for twice", problem.Message);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        Assert.Equal(new TripletCounts(1, 1, 0, 1, 0), (await first).Triplets);
    }

    [Fact]
    public async Task Leaving_a_stage_ends_the_wait_for_its_triplets()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        var waiting = Trainer(cluster).TrainOnTriplets(1, 1, default);
        await cluster.Calls.Begun.Until(calls => calls.Contains((nameof(ITrainerGrain.BeginStep), "run")));
        await Trainer(cluster).Release();
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() => waiting);
        Assert.Equal("step 1: the stage was left while it waited for triplets", problem.Message);
        Assert.Equal(0, cluster.Host.OpenTrainings);
    }

    [Fact]
    public async Task Leaving_a_stage_waits_for_the_step_that_is_under_way()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        var gate = new Gate();
        cluster.Host.OnStep = _ => gate.Pass();
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        var step = Trainer(cluster).TrainOnTriplets(1, 1, default);
        await gate.Reached;
        // Two at once, as when a run is started again while its trainer is deactivated.
        var leaving = Task.WhenAll(Trainer(cluster).Release(), Trainer(cluster).Release());
        await cluster.Calls.Begun.Until(calls => calls.Count(c => c == (nameof(ITrainerGrain.Release), "run")) == 2);
        Assert.False(leaving.IsCompleted);
        gate.Open();
        await leaving;
        Assert.Equal(1, (await step).Step);
        Assert.Equal(0, cluster.Host.OpenTrainings);
        Assert.Equal([1L], MetricsLog.Read(new RunFolder(_folder.Path).Metrics).Select(r => r.RunStep));
    }
}
