using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Abstractions;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Runs.Folders;

/// <summary>
/// <c>run.json</c>, by which a folder is known as ours. A run replaces what lies in its folder: in one that is neither
/// marked nor empty it would replace its user's files, so there is none made there.
/// </summary>
public static class RunMarker
{
    /// <summary>A run, and a folder that holds runs.</summary>
    public const string Run = "run", Runs = "runs";

    private const int Version = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    // What a process may have left in an empty folder before it came to mark it.
    private static readonly string[] Traces = ["run.lock", "silo.json"];

    private sealed record Content(string Selfjudge, int Version);

    /// <summary>Makes a folder ours. One that is ours already stays as it is.</summary>
    /// <exception cref="RunFolderException">It belongs to somebody else, or is of another kind.</exception>
    public static void Claim(RunFolder folder, string kind)
    {
        Check(folder, kind);
        Directory.CreateDirectory(folder.Path);
        if (!File.Exists(folder.Marker))
            AtomicFolder.WriteFile(folder.Marker, JsonSerializer.Serialize(new Content(kind, Version), Json) + "\n");
    }

    /// <summary>Checks that a folder is ours or may become so, and changes nothing.</summary>
    /// <exception cref="RunFolderException">As <see cref="Claim"/>.</exception>
    public static void Check(RunFolder folder, string kind)
    {
        if (File.Exists(folder.Path))
            throw new RunFolderException($"{folder.Path} is a file, and {Named(kind)} needs a folder: name another");
        if (File.Exists(folder.Marker))
            CheckMarker(folder, kind);
        else if (!IsOfEarlierVersion(folder, kind) && Strangers(folder).FirstOrDefault() is { } stranger)
            throw new RunFolderException(
                $"{folder.Path} holds files that no run made, such as {Path.GetFileName(stranger)}, and {Named(kind)} would replace some "
                + $"of them: name a folder that is new or empty");
    }

    /// <summary>Whether a run was ever started in a folder.</summary>
    public static bool IsRun(RunFolder folder) => File.Exists(folder.Marker) || IsOfEarlierVersion(folder, Run);

    private static void CheckMarker(RunFolder folder, string kind)
    {
        Content content;
        try
        {
            content = JsonSerializer.Deserialize<Content>(File.ReadAllText(folder.Marker), Json) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new RunFolderException(
                $"{folder.Marker} does not say that the folder is ours: {e.Message} Name another folder; or, if a run made this one, "
                + $"delete this file");
        }
        if (content.Version != Version)
            throw new RunFolderException(
                $"{folder.Marker} is of version {content.Version}, and this program knows version {Version}: go on with the program that "
                + $"made it, or name another folder");
        if (content.Selfjudge != kind)
            throw new RunFolderException(
                $"{folder.Path} holds {Named(content.Selfjudge)}, and is to hold {Named(kind)}: name another folder");
    }

    private static IEnumerable<string> Strangers(RunFolder folder) => !Directory.Exists(folder.Path) ? []
        : Directory.EnumerateFileSystemEntries(folder.Path)
            .Where(e => !Traces.Contains(Path.GetFileName(e)) && !AtomicFolder.IsTemporary(e)).Order(StringComparer.Ordinal);

    // Marks came late: before them a run's folder was known by its recipe and its lock, one of runs by its lock and what it held.
    private static bool IsOfEarlierVersion(RunFolder folder, string kind) => kind == Run
        ? File.Exists(folder.Lock) && File.Exists(folder.Recipe)
        : Directory.Exists(folder.Path) && Directory.EnumerateDirectories(folder.Path).Any(d => Path.GetFileName(d) switch
        {
            "validation" => File.Exists(new RunFolder(d).Lock),
            ['s', 'e', 'e', 'd', '-', ..] => File.Exists(folder.Lock),
            _ => false,
        });

    private static string Named(string kind) => kind == Run ? "a run" : "a folder of runs";
}
