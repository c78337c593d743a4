using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Grains.Runs;

namespace SelfJudge.Client;

/// <summary>How to reach the silo that executes a run: <c>silo.json</c> in the run's folder, while its process lives.</summary>
/// <param name="ProcessId">The process that holds the silo; <see cref="Elsewhere"/> where a cluster executes the run.</param>
internal sealed record RunAddress(string RunId, int ProcessId, int GatewayPort, string ClusterId, string ServiceId, string Dashboard, string GatewayHost = "127.0.0.1")
{
    public const int Elsewhere = 0;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    [JsonIgnore]
    public IPEndPoint Gateway => new(IPAddress.Parse(GatewayHost), GatewayPort);

    public void Write(RunFolder folder) => File.WriteAllText(folder.Address, JsonSerializer.Serialize(this, Json));

    /// <summary>The address in a run's folder; null where none is written, or where the process that it names is gone.</summary>
    public static RunAddress? Find(RunFolder folder)
    {
        if (!File.Exists(folder.Address))
            return null;
        try
        {
            var address = JsonSerializer.Deserialize<RunAddress>(File.ReadAllText(folder.Address), Json);
            return address is not null && (address.ProcessId == Elsewhere || IsAlive(address.ProcessId)) ? address : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsAlive(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
