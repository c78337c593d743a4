using System.Net;
using SelfJudge.Abstractions;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Hosting;

/// <summary>How a silo process is set up.</summary>
public sealed record ServerOptions
{
    public string ClusterId { get; init; } = SelfJudgeCluster.DefaultId;
    public string ServiceId { get; init; } = SelfJudgeCluster.DefaultId;

    /// <summary>The model host of this silo; null for a silo that coordinates only.</summary>
    public ModelHostOptions? ModelHost { get; init; } = new();

    /// <summary>SQLite file for grain storage; null keeps grain state in memory, for silos that join another's cluster in tests.</summary>
    public string? Storage { get; init; }

    /// <summary>Silo-to-silo port on loopback; 0 takes a free one. So with the two below.</summary>
    public int SiloPort { get; init; }
    public int GatewayPort { get; init; }

    /// <summary>Dashboard, health and metrics.</summary>
    public int HttpPort { get; init; }

    /// <summary>The silo whose cluster to join; null starts one.</summary>
    public IPEndPoint? Primary { get; init; }

    /// <summary>A batch that runs longer than this makes the health endpoint report a hung device.</summary>
    public TimeSpan HungAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether to log to the console.</summary>
    public bool LogToConsole { get; init; } = true;
}
