using SelfJudge.Abstractions;

namespace SelfJudge.Client;

/// <summary>The file that <c>--out</c> names, looked at before any work is done for it.</summary>
internal static class OutputFile
{
    /// <summary>The file's whole path.</summary>
    /// <param name="inputs">What the command reads, which it must not write over.</param>
    /// <exception cref="UserError">It cannot be written, or is one of the inputs.</exception>
    public static string Check(string output, params IEnumerable<string?> inputs)
    {
        var file = Path.GetFullPath(output);
        if (Directory.Exists(file))
            throw new UserError($"--out {file} is a folder: name a file");
        // What stands there already is read and replaced, which a device or a pipe does not bear.
        if (IsOfTheSystem(RunId.RealPath(file)))
            throw new UserError($"--out {file} is a device, a pipe or the system's own: name a file elsewhere");
        if (!Directory.Exists(Path.GetDirectoryName(file)))
            throw new UserError($"--out {file} cannot be written: there is no folder {Path.GetDirectoryName(file)}");
        if (inputs.FirstOrDefault(i => i is not null && File.Exists(i) && RunId.RealPath(i) == RunId.RealPath(file)) is { } input)
            throw new UserError($"--out {file} is {input}, which the command reads: name another file");
        OutputPlace.TryFile(file);
        return file;
    }

    /// <summary>
    /// What is whole in the text of a file of one JSON object a line. Behind its last line break may stand what a crash has left
    /// of a line that began with one of <paramref name="beginnings"/>: no other file is cut.
    /// </summary>
    /// <exception cref="UserError">Something else stands there.</exception>
    public static string WholeLines(string file, string text, params IReadOnlyList<string> beginnings)
    {
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        var rest = text[whole.Length..];
        if (rest.Length > 0 && !beginnings.Any(b =>
            rest.StartsWith(b, StringComparison.Ordinal) || b.StartsWith(rest, StringComparison.Ordinal)))
            throw new UserError($"{file}:{whole.Count(c => c == '\n') + 1}: no line that this command writes; "
                + "name another file with --out");
        return whole;
    }

    private static bool IsOfTheSystem(string path) =>
        path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/dev/shm/", StringComparison.Ordinal)
            || path.StartsWith("/proc/", StringComparison.Ordinal);
}
