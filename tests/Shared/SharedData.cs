using System.Runtime.CompilerServices;

namespace SelfJudge.Tests.Shared;

/// <summary>Files from outside the repository: real checkpoints, tokenizers, data sets and third-party numbers, in <c>../shared/data</c>
/// beside it.</summary>
internal static class SharedData
{
    /// <summary>The path of a shared file or folder. Skips the calling test where it is absent.</summary>
    public static string Path(string relative)
    {
        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(RepositoryRoot(), "..", "shared", "data", relative));
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Skip($"needs {path}, which is not there");
        return path;
    }

    /// <summary>The folder of the solution.</summary>
    public static string RepositoryRoot([CallerFilePath] string here = "") =>
        System.IO.Path.GetFullPath(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(here)!, "..", ".."));
}
