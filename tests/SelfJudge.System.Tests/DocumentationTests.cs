using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed partial class DocumentationTests : IDisposable
{
    private static readonly string Repository = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Pages =>
    [
        .. Directory.GetFiles(Repository, "*.md")
            .Concat(Directory.GetFiles(Path.Combine(Repository, "docs"), "*.md", SearchOption.AllDirectories))
            .Concat(((string[])["bench", "client", "samples", "src", "tests"])
                .SelectMany(f => Directory.GetFiles(Path.Combine(Repository, f), "README.md", SearchOption.AllDirectories)))
            .Where(p => !p.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
                .Select(p => Path.GetRelativePath(Repository, p)).Order(StringComparer.Ordinal),
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("recipes.md")]
    [InlineData("console.md")]
    public async Task The_reference_pages_are_those_that_the_console_writes(string page)
    {
        Assert.Equal(0, (await _folder.Client("reference", "--out", "pages")).ExitCode);
        Assert.Equal(File.ReadAllText(Path.Combine(Repository, "docs", "reference", page)), File.ReadAllText(_folder[$"pages/{page}"]));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void A_pages_links_lead_somewhere(string page)
    {
        var path = Path.Combine(Repository, page);
        foreach (var target in Link().Matches(File.ReadAllText(path)).Select(m => m.Groups[1].Value)
            .Where(t => !t.StartsWith("http", StringComparison.Ordinal)))
        {
            var parts = target.Split('#');
            var file = parts[0].Length == 0 ? path : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, parts[0]));
            Assert.True(Path.Exists(file), $"{page}: {target} does not exist");
            if (parts.Length > 1)
                Assert.True(File.ReadLines(file).Any(line => AnchorOf(line) == parts[1]), $"{page}: {target} is no heading there");
        }
    }

    [Fact]
    public void A_newcomer_reads_the_readme_to_its_end() =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Repository, "README.md")).Length, 1, 150);

    // As GitHub makes anchors of headings.
    private static string? AnchorOf(string line) =>
        line.StartsWith('#') ? NotInAnchors().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-') : null;

    private static string ThisFile([CallerFilePath] string file = "") => file;

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
