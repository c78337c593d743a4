using SelfJudge.Grains.Runs;

namespace SelfJudge.Client;

/// <summary>Runs by name and by folder.</summary>
internal static class RunNames
{
    private const string Root = "runs";

    /// <summary>A folder and an id for a new run.</summary>
    /// <exception cref="UserError">The folder holds a run already.</exception>
    public static (RunFolder Folder, string RunId) New(string? output, string name)
    {
        var path = output ?? Path.Combine(Root, $"{name}-{DateTime.Now:yyyyMMdd-HHmmss}");
        var folder = new RunFolder(Path.GetFullPath(path));
        if (File.Exists(folder.Recipe))
            throw new UserError($"{path} holds a run already: go on with it by 'resume {path}', or name another folder with --out");
        return (folder, Path.GetFileName(folder.Path.TrimEnd(Path.DirectorySeparatorChar)));
    }

    /// <summary>The folder of a run, by its path or by its id under <c>runs/</c>.</summary>
    /// <exception cref="UserError">There is no such run.</exception>
    public static (RunFolder Folder, string RunId) Find(string run)
    {
        if (TryFind(run) is { } folder)
            return (folder, Path.GetFileName(folder.Path.TrimEnd(Path.DirectorySeparatorChar)));
        throw new UserError($"there is no run '{run}': neither a run's folder nor an id under {Root}/; 'runs' lists those that are there");
    }

    /// <summary>The folder of a run as <see cref="Find"/> finds it; null where there is none such.</summary>
    public static RunFolder? TryFind(string run) =>
        new[] { run, Path.Combine(Root, run) }.Select(path => new RunFolder(Path.GetFullPath(path))).FirstOrDefault(f => File.Exists(f.Recipe));

    /// <summary>Every run under <c>runs/</c>.</summary>
    public static IEnumerable<string> All() => !Directory.Exists(Root) ? [] :
        Directory.GetDirectories(Root).Where(d => File.Exists(new RunFolder(d).Recipe)).Order(StringComparer.Ordinal);
}
