using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Modeling.Files;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>How to reach the silo that executes a run: <c>silo.json</c> in the run's folder, while its process lives.</summary>
/// <param name="RunId">The key by which the silo knows the run.</param>
/// <param name="ProcessId">The process that holds the silo; <see cref="Elsewhere"/> where a cluster executes the run.</param>
internal sealed record RunAddress(string RunId, int ProcessId, int GatewayPort, string ClusterId, string ServiceId, string Dashboard,
    string GatewayHost = "127.0.0.1")
{
    public const int Elsewhere = 0;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    [JsonIgnore]
    public IPEndPoint Gateway => new(IPAddress.Parse(GatewayHost), GatewayPort);

    /// <summary>Whether its process is still on the way to a silo.</summary>
    [JsonIgnore]
    public bool IsStarting => GatewayPort == 0;

    /// <summary>That this process has a folder in hand, before it has a silo.</summary>
    public static RunAddress Starting(RunFolder folder) => new(folder.Id, Environment.ProcessId, 0, "", "", "");

    public void Write(RunFolder folder) => AtomicFolder.WriteFile(folder.Address, JsonSerializer.Serialize(this, Json));

    /// <summary>The address in a run's folder; null where none that can be read is written, or where the process that it names is
    /// gone.</summary>
    public static RunAddress? Find(RunFolder folder)
    {
        if (!File.Exists(folder.Address))
            return null;
        try
        {
            var address = JsonSerializer.Deserialize<RunAddress>(File.ReadAllText(folder.Address), Json);
            return address is { GatewayPort: >= 0 and <= ushort.MaxValue } && IPAddress.TryParse(address.GatewayHost, out _)
                && (address.ProcessId == Elsewhere || IsAlive(address.ProcessId)) ? address : null;
        }
        // It may go at any moment, with the process.
        catch (Exception e) when (e is JsonException or FileNotFoundException or DirectoryNotFoundException)
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
