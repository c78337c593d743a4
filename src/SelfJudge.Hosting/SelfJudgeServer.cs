using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Hosting;

/// <summary>A silo process: model host, grains, dashboard, health and metrics, all on loopback.</summary>
public sealed class SelfJudgeServer : IAsyncDisposable
{
    // The exporter keeps room for two thousand series per instrument unless told otherwise: a hundred megabytes of small
    // objects, which every garbage collection then looks through.
    private const int SeriesPerInstrument = 200;

    // Every figure of every kind of stage is a stream, and silos of one process share the meter's name.
    private const int MetricStreams = 10_000;

    private readonly WebApplication _app;

    private SelfJudgeServer(WebApplication app, ServerOptions options) => (_app, Options) = (app, options);

    /// <summary>The options with the ports that were taken.</summary>
    public ServerOptions Options { get; }
    public IServiceProvider Services => _app.Services;
    public IGrainFactory Grains => _app.Services.GetRequiredService<IGrainFactory>();
    public Uri Dashboard => new($"http://127.0.0.1:{Options.HttpPort}/dashboard");

    public static SelfJudgeServer Build(ServerOptions requested)
    {
        var free = FreePorts(3);
        var options = requested with
        {
            SiloPort = requested.SiloPort != 0 ? requested.SiloPort : free[0],
            GatewayPort = requested.GatewayPort != 0 ? requested.GatewayPort : free[1],
            HttpPort = requested.HttpPort != 0 ? requested.HttpPort : free[2],
        };
        // No file is watched for changes: every file of a run that lies below the working directory would be an event.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, options.HttpPort));
        builder.Logging.ClearProviders();
        // The program that holds the silo says when it is to end.
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        // Without colours: what others wrote into a message stays visible, and so would these.
        if (options.LogToConsole)
            builder.Logging.AddSimpleConsole(c => (c.SingleLine, c.ColorBehavior) = (true, LoggerColorBehavior.Disabled))
                .SetMinimumLevel(LogLevel.Warning).AddFilter("SelfJudge", LogLevel.Information);
        if (options.ModelHost is { } modelHost)
        {
            builder.Services.AddSingleton(s => new ModelHost(modelHost, s.GetRequiredService<TimeProvider>()));
            builder.Services.AddSingleton<IModelHost>(s => s.GetRequiredService<ModelHost>());
            builder.Services.AddHostedService<ModelHostService>();
        }
        builder.UseOrleans(silo => Configure(silo, options));
        builder.Services.AddOpenTelemetry().WithMetrics(m =>
            m.AddMeter(RunInstruments.MeterName, "Microsoft.Orleans").SetMaxMetricStreams(MetricStreams)
                .AddView("*", new MetricStreamConfiguration { CardinalityLimit = SeriesPerInstrument }).AddPrometheusExporter());
        var app = builder.Build();
        app.MapHealth(options.HungAfter);
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapOrleansDashboard("/dashboard");
        return new SelfJudgeServer(app, options);
    }

    public Task StartAsync(CancellationToken cancellation = default) => _app.StartAsync(cancellation);

    /// <summary>Ends when it is cancelled, and everything has been stopped.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellation) => _app.WaitForShutdownAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static void Configure(ISiloBuilder silo, ServerOptions options)
    {
        silo.UseLocalhostClustering(options.SiloPort, options.GatewayPort, options.Primary, options.ServiceId, options.ClusterId);
        silo.AddSelfJudgeGrains(options.ModelHost?.Name);
        if (options.Storage is { } storage)
            silo.AddAdoNetGrainStorageAsDefault(o =>
                (o.Invariant, o.ConnectionString) = (SqliteStorage.Invariant, SqliteStorage.Prepare(storage)));
        else
            silo.AddMemoryGrainStorageAsDefault();
        silo.AddDashboard();
    }

    // Held together, so that they differ. Between here and their use another process could take one, which then shows.
    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Dispose());
        return ports;
    }

    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>What a silo needs to carry our grains.</summary>
public static class SelfJudgeSiloExtensions
{
    // A read of the queue waits until there is something; this is how soon the next one follows one that found nothing.
    private static readonly TimeSpan StreamPollPeriod = TimeSpan.FromMilliseconds(1);

    // Outside training every prompt is a grain of its own, and is never called again. For each the directory's cache would keep a
    // third of a kilobyte, a million times by default; this is room for those that are called at once.
    private const int DirectoryCacheSize = 10_000;

    // What has been delivered stays in the stream's cache, half an hour by default: hundreds of megabytes of a run whose steps are
    // quick. A trainer that is later than this is sent again what it has missed.
    private static readonly TimeSpan StreamCachePeriod = TimeSpan.FromSeconds(10);

    // The prompts of a step hand over together; so many of them reach the trainer in one call.
    private const int StreamDeliverySize = 128;

    /// <summary>Registers services, the triplet stream and placement. <paramref name="modelHost"/> is the name of the silo's model host,
    /// which the caller has registered; null where it has none.</summary>
    public static ISiloBuilder AddSelfJudgeGrains(this ISiloBuilder silo, string? modelHost)
    {
        silo.UseSiloMetadata(modelHost is null ? new Dictionary<string, string>()
            : new Dictionary<string, string> { [ModelHostMetadata.Key] = modelHost });
        // A strategy takes on the settings of one grain type: a shared one would have those of whichever type came last.
        silo.Services.AddPlacementFilter<OnModelHostStrategy, OnModelHostDirector>(ServiceLifetime.Transient);
        silo.Services.AddSelfJudgeExceptions();
        silo.Services.AddSingleton<DataCatalog>();
        silo.Services.AddSingleton<ChatJudges>();
        silo.Services.AddSingleton<RunInstruments>();
#pragma warning disable RS0030 // Where nobody has registered another, the silo's time is the system's.
        silo.Services.TryAddSingleton(TimeProvider.System);
#pragma warning restore RS0030
        silo.Services.TryAddSingleton(new PromptGrainOptions());
        silo.Services.TryAddSingleton(new TrainerGrainOptions());
        silo.AddPersistentStreams(TripletStream.Provider, TripletQueue.Of, stream =>
        {
            stream.Configure<HashRingStreamQueueMapperOptions>(queues => queues.Configure(o => o.TotalQueueCount = 1));
            stream.ConfigurePullingAgent(agent => agent.Configure(o =>
                (o.GetQueueMsgsTimerPeriod, o.BatchContainerBatchSize) = (StreamPollPeriod, StreamDeliverySize)));
            stream.Configure<StreamCacheEvictionOptions>(eviction =>
                eviction.Configure(o => (o.DataMinTimeInCache, o.DataMaxAgeInCache) = (StreamCachePeriod, StreamCachePeriod)));
            stream.ConfigureStreamPubSub(Orleans.Streams.StreamPubSubType.ImplicitOnly);
        });
        silo.Configure<MessagingOptions>(o => o.ResponseTimeout = TimeSpan.FromMinutes(2));
        silo.Configure<GrainDirectoryOptions>(o => o.CacheSize = DirectoryCacheSize);
        return silo;
    }
}
