using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;

namespace SelfJudge.Client;

/// <summary>A model that a host of this process or of a cluster has loaded, to be asked.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly Session _session;

    private LoadedModel(Session session, SubmittedModel model, string host)
    {
        (_session, Model) = (session, model);
        Policy = session.Grains.GetGrain<IPolicyReplicaGrain>(host);
        Judge = session.Grains.GetGrain<IJudgeReplicaGrain>(host);
    }

    public SubmittedModel Model { get; }
    public IPolicyReplicaGrain Policy { get; }
    public IJudgeReplicaGrain Judge { get; }

    /// <param name="cluster">A silo's gateway; null starts a silo in this process.</param>
    /// <exception cref="UserError">Nobody answers there, or the cluster has no model host.</exception>
    public static async Task<LoadedModel> Open(SubmittedModel model, string? cluster, DeviceChoice device, bool verbose)
    {
        var session = cluster is null ? await Session.Embed(device, verbose) : await Session.Connect(CommonOptions.ParseGateway(cluster));
        try
        {
            var hosts = await session.Grains.GetGrain<IModelHostsGrain>(0).List();
            if (hosts.Count == 0)
                throw new UserError("the cluster has no model host: start a silo with one");
            var loaded = new LoadedModel(session, model, hosts[0]);
            foreach (var reference in model.Chain)
                await loaded.Policy.Load(reference);
            return loaded;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _session.DisposeAsync();
}
