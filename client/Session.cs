using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using SelfJudge.Client.Commands;
using SelfJudge.Grains.Hosting;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Client;

/// <summary>A connection to grains: to a named cluster, or to a silo that this process starts for itself.</summary>
internal sealed class Session : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly IAsyncDisposable? _silo;
    private readonly IHost? _client;
    private readonly FileStream? _lock;
    private RunFolder? _folder;

    private Session(IGrainFactory grains, IAsyncDisposable? silo, IHost? client, FileStream? @lock, RunFolder? folder) =>
        (Grains, _silo, _client, _lock, _folder) = (grains, silo, client, @lock, folder);

    public IGrainFactory Grains { get; }

    /// <summary>The embedded silo's dashboard; null on a named cluster.</summary>
    public Uri? Dashboard { get; private init; }

    /// <summary>The name of the embedded silo's model host.</summary>
    public const string EmbeddedHost = "embedded";

    /// <summary>Starts a silo in this process that executes a run in <paramref name="folder"/>.</summary>
    /// <exception cref="UserError">The folder cannot be written, or another process executes the run.</exception>
    public static async Task<Session> Embed(RunFolder folder, string runId, DeviceChoice device, bool verbose)
    {
        var held = Hold(folder);
        try
        {
            var server = await Start(folder.Storage, device, verbose);
            var o = server.Options;
            new RunAddress(runId, Environment.ProcessId, o.GatewayPort, o.ClusterId, o.ServiceId, server.Dashboard.ToString()).Write(folder);
            return new Session(server.Grains, server, null, held, folder) { Dashboard = server.Dashboard };
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a silo in this process whose grains leave nothing behind.</summary>
    public static async Task<Session> Embed(DeviceChoice device, bool verbose)
    {
        var server = await Start(null, device, verbose);
        return new Session(server.Grains, server, null, null, null) { Dashboard = server.Dashboard };
    }

    /// <summary>Connects to the silo that executes a run.</summary>
    /// <exception cref="UserError">Nobody answers there.</exception>
    public static Task<Session> Connect(RunAddress address) => Connect(address.Gateway, address.ClusterId, address.ServiceId);

    /// <summary>Connects to a named cluster.</summary>
    /// <exception cref="UserError">Nobody answers there.</exception>
    public static Task<Session> Connect(IPEndPoint gateway) => Connect(gateway, new ServerOptions().ClusterId, new ServerOptions().ServiceId);

    /// <summary>Connects to a named cluster, to have it execute a run in <paramref name="folder"/>, which its silos must see too.</summary>
    /// <exception cref="UserError">Nobody answers there, the folder cannot be written, or another process executes the run.</exception>
    public static async Task<Session> Connect(IPEndPoint gateway, RunFolder folder, string runId)
    {
        var session = await Connect(gateway);
        try
        {
            using var held = Hold(folder);
            new RunAddress(runId, RunAddress.Elsewhere, gateway.Port, new ServerOptions().ClusterId, new ServerOptions().ServiceId, "", gateway.Address.ToString()).Write(folder);
            session._folder = folder;
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
        var server = SelfJudgeServer.Build(new ServerOptions { Storage = storage, ModelHost = new ModelHostOptions { Name = EmbeddedHost, Device = device.Device, Dtype = device.Dtype }, LogToConsole = verbose });
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
        return new Session(host.Services.GetRequiredService<IGrainFactory>(), null, host, null, null);
    }

    private static UserError NoAnswer(IPEndPoint gateway, Exception e) =>
        new($"no silo answers at {gateway}: {(e is OperationCanceledException ? $"nothing within {Patience.TotalSeconds:0} s" : e.Message)}");

    public async ValueTask DisposeAsync()
    {
        if (_silo is not null)
            await _silo.DisposeAsync();
        if (_client is not null)
        {
            await _client.StopAsync();
            _client.Dispose();
        }
        if (_folder is not null)
            File.Delete(_folder.Address);
        if (_lock is not null)
            await _lock.DisposeAsync();
    }

    /// <summary>Keeps other processes from executing anything in a folder, until it is disposed or the process ends.</summary>
    /// <exception cref="UserError">The folder cannot be written, or another process is at work there.</exception>
    public static FileStream Hold(RunFolder folder)
    {
        try
        {
            Directory.CreateDirectory(folder.Path);
            return new FileStream(folder.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UserError($"the run's folder {folder.Path} cannot be written: {e.Message}");
        }
        catch (IOException e)
        {
            throw new UserError(RunAddress.Find(folder) is { } address
                ? $"process {address.ProcessId} is executing the run in {folder.Path}; watch it with 'watch {folder.Path}', or stop it with 'cancel {folder.Path}'"
                : $"the run's folder {folder.Path} cannot be used: {e.Message}");
        }
    }
}
