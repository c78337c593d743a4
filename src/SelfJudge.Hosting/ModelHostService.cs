using Microsoft.Extensions.Hosting;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Hosting;

/// <summary>Ties a model host to its process: registered before the silo, it is there before the silo joins its cluster and is freed after
/// the silo's grains have drained.</summary>
internal sealed class ModelHostService(ModelHost host) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        host.Dispose();
        return Task.CompletedTask;
    }
}
