using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;
using Orleans.TestingHost;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Training;
using SelfJudge.Hosting;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Cluster;

/// <summary>An Orleans cluster in this process, each of its silos with a fake model host or none.</summary>
internal sealed class GrainCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private GrainCluster(InProcessTestCluster cluster, GrainCalls calls, Recorder<TripletBatch> streamed, FakeModelHost host) =>
        (_cluster, Calls, Streamed, Host) = (cluster, calls, streamed, host);

    public GrainCalls Calls { get; }

    /// <summary>What the triplet streams carried.</summary>
    public Recorder<TripletBatch> Streamed { get; }

    /// <summary>The model host of the first silo that has one.</summary>
    public FakeModelHost Host { get; }
    public IGrainFactory Grains => _cluster.Client;
    public InProcessTestCluster Silos => _cluster;

    /// <summary>A silo for each host; null makes one without.</summary>
    public static async Task<GrainCluster> Start(IReadOnlyList<FakeModelHost?> hosts, PromptGrainOptions? prompts = null,
        TrainerGrainOptions? trainer = null)
    {
        var (calls, streamed) = (new GrainCalls(), new Recorder<TripletBatch>());
        var builder = new InProcessTestClusterBuilder((short)hosts.Count);
        var silos = 0;
        builder.ConfigureSilo((_, silo) =>
        {
            var host = hosts[Interlocked.Increment(ref silos) - 1];
            if (host is not null)
                silo.Services.AddSingleton<IModelHost>(host);
            silo.Services.AddSingleton(prompts ?? new PromptGrainOptions { ResendAfter = TimeSpan.FromMinutes(5) });
            silo.Services.AddSingleton(trainer ?? new TrainerGrainOptions { CallLength = TimeSpan.Zero });
            silo.AddSelfJudgeGrains(host?.Name);
            silo.AddMemoryGrainStorageAsDefault();
            silo.Services.AddSingleton(streamed);
            silo.AddIncomingGrainCallFilter(calls);
            silo.AddOutgoingGrainCallFilter(calls);
        });
        builder.ConfigureClient(client =>
        {
            client.Services.AddSelfJudgeExceptions();
            client.AddMemoryStreams(TripletStream.Provider, stream =>
            {
                stream.ConfigurePartitioning(1);
                stream.ConfigureStreamPubSub(StreamPubSubType.ImplicitOnly);
            });
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return new GrainCluster(cluster, calls, streamed, hosts.First(h => h is not null)!);
    }

    public static Task<GrainCluster> Start(PromptGrainOptions? prompts = null, TrainerGrainOptions? trainer = null) =>
        Start([new FakeModelHost()], prompts, trainer);

    /// <summary>Puts a batch onto the triplet stream, as prompt grains do.</summary>
    public Task Publish(TripletBatch batch) =>
        _cluster.Client.GetStreamProvider(TripletStream.Provider).GetStream<TripletBatch>(TripletStream.Of(batch.RunId)).OnNextAsync(batch);

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
    }
}
