
namespace SelfJudge.SystemTests.Processes;

/// <summary>A folder of a test's own: its processes start in it, and what they leave goes with it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("selfjudge-system-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, params IEnumerable<string> lines)
    {
        File.WriteAllText(this[name], string.Concat(lines.Select(l => l + "\n")));
        return this[name];
    }

    public Task<Ended> Client(params IEnumerable<string> arguments) => ConsoleProcess.Run(Programs.Client, Path, arguments);

    public ConsoleProcess StartClient(params IEnumerable<string> arguments) => ConsoleProcess.Start(Programs.Client, Path, arguments);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
