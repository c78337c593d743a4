using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Grains.Runs;

namespace SelfJudge.Client;

/// <summary>How to reach the silo that executes a run: <c>silo.json</c> in the run's folder, while its process lives.</summary>
internal sealed record RunAddress(string RunId, int ProcessId, int GatewayPort, string ClusterId, string ServiceId, string Dashboard)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    [JsonIgnore]
    public IPEndPoint Gateway => new(IPAddress.Loopback, GatewayPort);

    public void Write(RunFolder folder) => File.WriteAllText(folder.Address, JsonSerializer.Serialize(this, Json));

    /// <summary>The address in a run's folder; null where none is written, or where the process that wrote it is gone.</summary>
    public static RunAddress? Find(RunFolder folder)
    {
        if (!File.Exists(folder.Address))
            return null;
        try
        {
            var address = JsonSerializer.Deserialize<RunAddress>(File.ReadAllText(folder.Address), Json);
            return address is not null && IsAlive(address.ProcessId) ? address : null;
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
