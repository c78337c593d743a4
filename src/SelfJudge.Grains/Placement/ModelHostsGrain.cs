using Orleans.Runtime.MembershipService.SiloMetadata;
using SelfJudge.Abstractions;

namespace SelfJudge.Grains.Placement;

/// <summary>Reads the model hosts off the metadata of the live silos.</summary>
[GrainType("model-hosts")]
public sealed class ModelHostsGrain(ISiloMetadataCache metadata) : Grain, IModelHostsGrain
{
    public async Task<IReadOnlyList<string>> List()
    {
        var silos = await GrainFactory.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true);
        return [.. silos.Keys.Select(silo => metadata.GetSiloMetadata(silo).Metadata.GetValueOrDefault(ModelHostMetadata.Key))
            .OfType<string>().Order(StringComparer.Ordinal)];
    }
}
