using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Grains.Training;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Placement;

public sealed class OnModelHostTests
{
    [Fact]
    public async Task Replicas_live_with_the_host_of_their_name_and_trainers_where_any_host_is()
    {
        FakeModelHost first = new("host-1"), second = new("host-2");
        first.Load("m");
        second.Load("m");
        await using var cluster = await GrainCluster.Start([null, first, second]);
        for (var i = 1; i <= 2; i++)
        {
            await cluster.Grains.GetGrain<IPolicyReplicaGrain>($"host-{i}")
                .Sample(new SampleRequest("m", TestRequests.Turns, [1], new SamplingOptions(1, 1, 0, 4), null), default);
            await cluster.Grains.GetGrain<IJudgeReplicaGrain>($"host-{i}")
                .Judge(new JudgeRequest("m", TestRequests.Turns, [new ResponsePair("cat", "dog dog")], ["world"], null), default);
        }
        Assert.Equal((1, 1), (first.Sampled.Items.Count, first.Judged.Items.Count));
        Assert.Equal((1, 1), (second.Sampled.Items.Count, second.Judged.Items.Count));
        var management = cluster.Grains.GetGrain<IManagementGrain>(0);
        var withoutHost = cluster.Silos.Silos.Single(s =>
            s.ServiceProvider.GetService(typeof(Modeling.Hosting.IModelHost)) is null).SiloAddress;
        for (var i = 0; i < 12; i++)
        {
            var trainer = cluster.Grains.GetGrain<ITrainerGrain>($"run-{i}");
            await trainer.Release();
            var silo = await management.GetActivationAddress(trainer);
            Assert.NotNull(silo);
            Assert.NotEqual(withoutHost, silo);
        }
    }

    [Fact]
    public async Task A_grain_type_keeps_its_own_rule_when_others_have_theirs()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Load("m");
        await cluster.Grains.GetGrain<ITrainerGrain>("run-1").Release();
        await cluster.Grains.GetGrain<IPolicyReplicaGrain>("fake")
            .Sample(new SampleRequest("m", TestRequests.Turns, [1], new SamplingOptions(1, 1, 0, 4), null), default);
        // Not by key, though the replica placed before it is.
        await cluster.Grains.GetGrain<ITrainerGrain>("run-2").Release();
        await Assert.ThrowsAnyAsync<OrleansException>(() =>
            cluster.Grains.GetGrain<IPolicyReplicaGrain>("nowhere")
                .Sample(new SampleRequest("m", TestRequests.Turns, [1], new SamplingOptions(1, 1, 0, 4), null), default));
    }

    [Fact]
    public async Task With_a_host_on_one_silo_of_two_everything_that_needs_it_lands_there()
    {
        var host = new FakeModelHost();
        host.Load("m");
        await using var cluster = await GrainCluster.Start([null, host]);
        var management = cluster.Grains.GetGrain<IManagementGrain>(0);
        var withHost = cluster.Silos.Silos.Single(s =>
            s.ServiceProvider.GetService(typeof(Modeling.Hosting.IModelHost)) is not null).SiloAddress;
        var landed = new List<SiloAddress?>();
        for (var i = 0; i < 20; i++)
        {
            var trainer = cluster.Grains.GetGrain<ITrainerGrain>($"run-{i}");
            await trainer.Release();
            landed.Add(await management.GetActivationAddress(trainer));
        }
        Assert.All(landed, silo => Assert.Equal(withHost, silo));
    }

    [Fact]
    public async Task A_host_that_no_silo_has_is_an_error_and_not_a_wrong_place()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Load("m");
        await Assert.ThrowsAnyAsync<OrleansException>(() =>
            cluster.Grains.GetGrain<IPolicyReplicaGrain>("nowhere")
                .Sample(new SampleRequest("m", TestRequests.Turns, [1], new SamplingOptions(1, 1, 0, 4), null), default));
        Assert.Empty(cluster.Host.Sampled.Items);
    }
}
