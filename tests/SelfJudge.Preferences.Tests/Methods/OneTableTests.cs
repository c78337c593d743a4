using System.Text.RegularExpressions;

namespace SelfJudge.Preferences.Tests.Methods;

/// <summary>Methods are told apart in their table, and where a step's objective is made. Whoever else does drifts.</summary>
public sealed partial class OneTableTests
{
    private static readonly string[] Allowed = ["src/SelfJudge.Preferences/Methods/", "src/SelfJudge.Runs/Stages/StepObjectives.cs"];

    [Fact]
    public void Nobody_else_names_a_method()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "SelfJudge.Actors.sln")))
            root = Path.GetDirectoryName(root)!;
        var sources = new[] { "src", "client", "silo", "bench" }.SelectMany(f =>
            Directory.EnumerateFiles(Path.Combine(root, f), "*.cs", SearchOption.AllDirectories))
            .Select(f => Path.GetRelativePath(root, f)).Where(f => !f.Contains("/obj/") && !f.Contains("/bin/")).ToList();
        Assert.True(sources.Count > 200);
        var naming = sources.Where(f => Named().IsMatch(File.ReadAllText(Path.Combine(root, f)))).ToList();
        Assert.Contains(Allowed[1], naming);
        Assert.DoesNotContain(naming, f => !Array.Exists(Allowed, f.StartsWith));
    }

    // A recipe that is written in code names its stages' methods, as one in YAML does.
    [GeneratedRegex(@"(?<!\bMethod = )\bStageMethod\.")]
    private static partial Regex Named();
}
