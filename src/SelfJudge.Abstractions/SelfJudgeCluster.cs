using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace SelfJudge.Abstractions;

/// <summary>What silos and the clients of their cluster have to agree on.</summary>
public static class SelfJudgeCluster
{
    /// <summary>Cluster id and service id of silos that are given no others.</summary>
    public const string DefaultId = "selfjudge";

    /// <summary>
    /// Lets our exceptions travel between processes as what they are. Silos have it; a client of the cluster needs it too. One whose
    /// type the client does not have keeps its message.
    /// </summary>
    public static IServiceCollection AddSelfJudgeExceptions(this IServiceCollection services) =>
        services.Configure<ExceptionSerializationOptions>(o => o.SupportedNamespacePrefixes.Add(nameof(SelfJudge)));
}
