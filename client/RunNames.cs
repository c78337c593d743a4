using SelfJudge.Abstractions;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>Runs by name and by folder.</summary>
internal static class RunNames
{
    public const string Root = "runs";

    /// <summary>A folder for a new run.</summary>
    /// <exception cref="UserError">The folder holds a run already, or the recipe's name cannot be a folder's.</exception>
    /// <exception cref="RunFolderException">It is no run's folder.</exception>
    public static RunFolder New(string? output, string name, string kind = RunMarker.Run)
    {
        if (output is not null)
            return Checked(output, kind);
        // Whatever the name is, the folder is one under runs/.
        if (name.Length == 0 || name[0] == '.' || name.AsSpan().IndexOfAny([.. Path.GetInvalidFileNameChars(), '/', '\\']) >= 0)
            throw new UserError($"the recipe's name '{name}' cannot be the name of a folder under {Root}/: give it another, or name a "
                + $"folder with --out");
        return Checked(Path.Combine(Root, $"{name}-{DateTime.Now:yyyyMMdd-HHmmss}"), kind);
    }

    /// <summary>Looks at a folder that is named for a new run, before any work is done for it.</summary>
    /// <exception cref="UserError">As <see cref="New"/>.</exception>
    /// <exception cref="RunFolderException">Likewise.</exception>
    public static void CheckNew(string? output)
    {
        if (output is not null)
            Checked(output, RunMarker.Run);
    }

    private static RunFolder Checked(string path, string kind)
    {
        if (path.Length == 0)
            throw new UserError("--out: name a folder");
        var folder = new RunFolder(Path.GetFullPath(path));
        if (File.Exists(folder.Recipe))
            throw new UserError($"{path} holds a run already: go on with it by 'resume {path}', or name another folder with --out");
        RunMarker.Check(folder, kind);
        if (kind == RunMarker.Run && folder.FindRemnant() is { } remnant)
            throw new UserError($"{path} holds what is left of a run, such as {remnant}, without its {Path.GetFileName(folder.Recipe)}: "
                + $"put that back, or name another folder with --out");
        return folder;
    }

    /// <summary>The folder of a run, by its path or by its id under <c>runs/</c>.</summary>
    /// <exception cref="UserError">There is no such run.</exception>
    public static RunFolder Find(string run) => TryFind(run)
        ?? throw new UserError($"there is no run '{run}': neither a run's folder nor an id under {Root}/; "
            + "'runs' lists those that are there");

    /// <summary>The folder of a run as <see cref="Find"/> finds it; null where there is none such.</summary>
    public static RunFolder? TryFind(string run) => run.Length == 0 ? null
        : new[] { run, Path.Combine(Root, run) }.Select(path => new RunFolder(Path.GetFullPath(path)))
            .FirstOrDefault(f => File.Exists(f.Recipe));

    /// <summary>Every run under <c>runs/</c>.</summary>
    public static IEnumerable<string> All() => !Directory.Exists(Root) ? [] :
        Directory.GetDirectories(Root).Where(d => File.Exists(new RunFolder(d).Recipe)).Order(StringComparer.Ordinal);
}
