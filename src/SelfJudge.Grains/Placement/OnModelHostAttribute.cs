using Orleans.Metadata;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace SelfJudge.Grains.Placement;

/// <summary>Silo metadata that names the model host of a silo.</summary>
public static class ModelHostMetadata
{
    public const string Key = "selfjudge.model-host";
}

/// <summary>
/// Places a grain where a model host is: on the silo whose host has the grain's key as its name if
/// <paramref name="byKey"/> is set, else on any silo that has one.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class OnModelHostAttribute(bool byKey = false) : PlacementFilterAttribute(new OnModelHostStrategy(byKey));

/// <summary>The strategy behind <see cref="OnModelHostAttribute"/>.</summary>
public sealed class OnModelHostStrategy(bool byKey, int order) : PlacementFilterStrategy(order)
{
    private const string ByKeyProperty = "selfjudge.model-host.by-key";

    public OnModelHostStrategy()
        : this(false)
    {
    }

    public OnModelHostStrategy(bool byKey)
        : this(byKey, 0)
    {
    }

    public bool ByKey { get; private set; } = byKey;

    public override void AdditionalInitialize(GrainProperties properties) =>
        ByKey = bool.Parse(GetPlacementFilterGrainProperty(ByKeyProperty, properties) ?? bool.FalseString);

    protected override IEnumerable<KeyValuePair<string, string>> GetAdditionalGrainProperties(IServiceProvider services, Type grainClass,
        GrainType grainType, IReadOnlyDictionary<string, string> existingProperties) =>
        [KeyValuePair.Create(ByKeyProperty, ByKey.ToString())];
}

/// <summary>Keeps the silos that have a model host, by their metadata.</summary>
public sealed class OnModelHostDirector(ISiloMetadataCache metadata) : IPlacementFilterDirector
{
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> silos)
    {
        var name = ((OnModelHostStrategy)filterStrategy).ByKey ? target.GrainIdentity.Key.ToString() : null;
        return silos.Where(silo => metadata.GetSiloMetadata(silo).Metadata.TryGetValue(ModelHostMetadata.Key, out var host)
            && (name is null || host == name));
    }
}
