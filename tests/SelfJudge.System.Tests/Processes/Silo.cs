using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace SelfJudge.SystemTests.Processes;

/// <summary>A silo process and the addresses that it printed.</summary>
internal sealed partial class Silo : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromMinutes(1) };

    private readonly Match _announced;

    private Silo(ConsoleProcess process, Match announced) => (Process, _announced) = (process, announced);

    public ConsoleProcess Process { get; }
    public string Address => _announced.Groups["silo"].Value;
    public string Gateway => _announced.Groups["gateway"].Value;
    public string ModelHost => _announced.Groups["host"].Value;

    /// <summary>Starts a silo whose grain state is in the folder's <c>grains.db</c>, and waits until it serves.</summary>
    public static async Task<Silo> Start(TemporaryFolder folder, params IEnumerable<string> arguments)
    {
        var process = ConsoleProcess.Start(Programs.Silo, folder.Path, ["--storage", folder["grains.db"], .. arguments]);
        try
        {
            return new Silo(process, Announcement().Match(await process.Line("silo ")));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a silo says whose end takes longer than a moment.</summary>
    public const string Waits = "stopping when what is under way has ended; press Ctrl-C again to end at once\n";

    public async Task<JsonNode> Health() =>
        JsonNode.Parse(await Http.GetStringAsync(new Uri(_announced.Groups["http"].Value + "/health")))!;

    public Task Kill() => Process.Kill();

    public Task AssertEndsWhenTerminated() => AssertEndsWhen(p => p.Terminate());

    public async Task AssertEndsWhen(Action<ConsoleProcess> told)
    {
        told(Process);
        var ended = await Process.End();
        Assert.True(ended.ExitCode == 0, ended.ToString());
        // On a busy machine its end takes longer than a second, and then it says so.
        Assert.Empty(ended.Errors.Replace(Waits, "", StringComparison.Ordinal));
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    [GeneratedRegex("^silo (?<silo>127.0.0.1:[0-9]+), gateway (?<gateway>127.0.0.1:[0-9]+), (?<host>.*), dashboard "
        + "(?<http>http://127.0.0.1:[0-9]+)/dashboard$")]
    private static partial Regex Announcement();
}
