using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Hosting;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>A connection to grains: to a named cluster, or to a silo that this process starts for itself.</summary>
internal sealed class Session : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly IAsyncDisposable? _silo;
    private readonly IHost? _client;
    private FolderLock? _lock;

    private Session(IGrainFactory grains, IAsyncDisposable? silo, IHost? client, FolderLock? @lock) =>
        (Grains, _silo, _client, _lock) = (grains, silo, client, @lock);

    public IGrainFactory Grains { get; }

    /// <summary>The embedded silo's dashboard; null on a named cluster.</summary>
    public Uri? Dashboard { get; private init; }

    /// <summary>The name of the embedded silo's model host.</summary>
    public const string EmbeddedHost = "embedded";

    /// <summary>Starts a silo in this process that executes a run in <paramref name="folder"/>.</summary>
    /// <exception cref="UserError">The folder cannot be written, or another process executes the run.</exception>
    public static async Task<Session> Embed(RunFolder folder, DeviceChoice device, bool verbose)
    {
        var held = FolderLock.Take(folder, RunMarker.Run);
        try
        {
            var server = await Start(folder.Storage, device, verbose);
            var o = server.Options;
            new RunAddress(folder.Id, Environment.ProcessId, o.GatewayPort, o.ClusterId, o.ServiceId, server.Dashboard.ToString())
                .Write(folder);
            return new Session(server.Grains, server, null, held) { Dashboard = server.Dashboard };
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Starts a silo in this process whose grains leave nothing behind.</summary>
    public static async Task<Session> Embed(DeviceChoice device, bool verbose)
    {
        var server = await Start(null, device, verbose);
        return new Session(server.Grains, server, null, null) { Dashboard = server.Dashboard };
    }

    /// <summary>Connects to the silo that executes a run.</summary>
    /// <exception cref="UserError">Nobody answers there.</exception>
    public static Task<Session> Connect(RunAddress address) => Connect(address.Gateway, address.ClusterId, address.ServiceId);

    /// <summary>Connects to a named cluster.</summary>
    /// <exception cref="UserError">Nobody answers there.</exception>
    public static Task<Session> Connect(IPEndPoint gateway) =>
        Connect(gateway, new ServerOptions().ClusterId, new ServerOptions().ServiceId);

    /// <summary>Connects to a named cluster, to have it execute a run in <paramref name="folder"/>, which its silos must see too.</summary>
    /// <exception cref="UserError">Nobody answers there, the folder cannot be written, or another process executes the run.</exception>
    public static async Task<Session> Connect(IPEndPoint gateway, RunFolder folder)
    {
        var session = await Connect(gateway);
        try
        {
            session._lock = FolderLock.Take(folder, RunMarker.Run);
            new RunAddress(folder.Id, RunAddress.Elsewhere, gateway.Port, new ServerOptions().ClusterId, new ServerOptions().ServiceId, "",
                gateway.Address.ToString()).Write(folder);
            session._lock.LetOthersIn();
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private static async Task<SelfJudgeServer> Start(string? storage, DeviceChoice device, bool verbose)
    {
        if (device.Dtype == WeightDtype.Rounded)
            Console.Error.WriteLine($"--dtype rounded: {WeightDtypes.Rounding}");
        var server = SelfJudgeServer.Build(new ServerOptions
        {
            Storage = storage,
            ModelHost = new ModelHostOptions { Name = EmbeddedHost, Device = device.Device, Dtype = device.Dtype },
            LogToConsole = verbose
        });
        await server.StartAsync();
        return server;
    }

    private static async Task<Session> Connect(IPEndPoint gateway, string clusterId, string serviceId)
    {
        using var patience = new CancellationTokenSource(Patience);
        // The Orleans client takes its time over a port where nobody listens; a plain connection tells at once.
        try
        {
            using var probe = new TcpClient();
            await probe.ConnectAsync(gateway, patience.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            throw NoAnswer(gateway, e);
        }
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.Services.AddSelfJudgeExceptions();
        builder.UseOrleansClient(client => client
            .UseStaticClustering(gateway)
            .Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (clusterId, serviceId)));
        var host = builder.Build();
        try
        {
            await host.StartAsync(patience.Token);
        }
        catch (Exception e) when (e is OrleansException or OperationCanceledException or SocketException)
        {
            host.Dispose();
            throw NoAnswer(gateway, e);
        }
        return new Session(host.Services.GetRequiredService<IGrainFactory>(), null, host, null);
    }

    private static UserError NoAnswer(IPEndPoint gateway, Exception e) =>
        new($"no silo answers at {gateway}: "
            + (e is OperationCanceledException ? $"nothing within {Patience.TotalSeconds:0} s" : e.Message));

    public async ValueTask DisposeAsync()
    {
        if (_silo is not null)
            await _silo.DisposeAsync();
        if (_client is not null)
        {
            await _client.StopAsync();
            _client.Dispose();
        }
        _lock?.Dispose();
    }
}
