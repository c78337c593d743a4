using System.Runtime.CompilerServices;

namespace SelfJudge.Tests.Shared;

/// <summary>
/// What tests read: data of our own in <c>tests/data</c>, which is always there, and, under <c>shared/</c>, checkpoints,
/// tokenizers, data sets and figures of third parties in <c>../shared/data</c> beside the repository, which no clone brings.
/// </summary>
internal static class TestData
{
    private const string Shared = "shared/";

    /// <summary>The path of a file or folder. Skips the calling test where third parties' is absent.</summary>
    public static string Path(string relative)
    {
        var isShared = relative.StartsWith(Shared, StringComparison.Ordinal);
        var path = System.IO.Path.GetFullPath(isShared
            ? System.IO.Path.Combine(RepositoryRoot(), "..", "shared", "data", relative[Shared.Length..])
            : System.IO.Path.Combine(RepositoryRoot(), "tests", "data", relative));
        Assert.SkipWhen(isShared && !System.IO.Path.Exists(path), $"needs third-party data: {path} is not there");
        Assert.True(System.IO.Path.Exists(path), $"{path} is not there");
        return path;
    }

    /// <summary>The folder of the solution.</summary>
    public static string RepositoryRoot([CallerFilePath] string here = "") =>
        System.IO.Path.GetFullPath(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(here)!, "..", ".."));
}
