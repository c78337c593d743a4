using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace SelfJudge.SystemTests;

/// <summary>The shape of the sources: what refers to what.</summary>
public sealed partial class ArchitectureTests
{
    // Lowest first. A project refers to those before it only.
    private static readonly string[] Layers =
    [
        "SelfJudge.Preferences", "SelfJudge.CommandLine", "SelfJudge.Modeling", "SelfJudge.World", "SelfJudge.Abstractions",
            "SelfJudge.Runs",
        "SelfJudge.Grains", "SelfJudge.Hosting",
    ];

    private static readonly string Sources = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "src"));

    [Fact]
    public void Projects_refer_downwards_only()
    {
        var projects = Directory.GetFiles(Sources, "*.csproj", SearchOption.AllDirectories)
            .ToDictionary(p => Path.GetFileNameWithoutExtension(p), File.ReadAllText);
        Assert.Equal(Layers.Order(StringComparer.Ordinal), projects.Keys.Order(StringComparer.Ordinal));
        foreach (var (project, text) in projects)
            foreach (var referred in Referred().Matches(text).Select(m => m.Groups[1].Value))
                Assert.True(Array.IndexOf(Layers, referred) < Array.IndexOf(Layers, project),
                    $"{project} refers to {referred}, which stands above it");
    }

    [Fact]
    public void What_a_remote_client_needs_has_no_tensor_library_behind_it()
    {
        Assert.Equal(["SelfJudge.Abstractions", "SelfJudge.Preferences"], Behind("SelfJudge.Abstractions").Order(StringComparer.Ordinal));

        static IEnumerable<string> Behind(string project) =>
            Referred().Matches(File.ReadAllText(Path.Combine(Sources, project, project + ".csproj")))
                .SelectMany(m => Behind(m.Groups[1].Value)).Append(project).Distinct();
    }

    [Fact]
    public void No_folders_refer_to_each_other_in_a_circle()
    {
        var files = Directory.GetFiles(Sources, "*.cs", SearchOption.AllDirectories)
            .Where(IsOurs)
            .Select(p => Comment().Replace(File.ReadAllText(p), ""))
                .Select(text => (Folder: Namespace().Match(text).Groups[1].Value, Text: text)).ToList();
        var types = files.SelectMany(f => Declared().Matches(f.Text).Select(m => (f.Folder, Type: m.Groups[1].Value)))
            .ToLookup(t => t.Folder, t => t.Type);
        var graph = files.GroupBy(f => f.Folder).ToDictionary(g => g.Key, g => g.SelectMany(f => UsedBy(f, types)).Distinct().ToList());
        Assert.True(graph.Count > 30, "the sources were not found");
        var circle = FindCircle(graph);
        Assert.True(circle is null, $"a circle of folders: {string.Join(" -> ", circle ?? [])}");
    }

    [Fact]
    public void A_file_can_be_read_in_one_go() =>
        Assert.All(AllFiles(), file => Assert.True(File.ReadLines(file).Count() <= 350, $"{file} has more than 350 lines"));

    // What a file of another format holds on one line, such as a row of JSON, is on one line of a raw literal too.
    [Fact]
    public void A_line_can_be_read_without_scrolling()
    {
        foreach (var file in AllFiles())
        {
            var isInLiteral = false;
            foreach (var (index, line) in File.ReadLines(file).Index())
            {
                var marks = line.Replace("@\"\"\"", "", StringComparison.Ordinal).Split("\"\"\"").Length - 1;
                Assert.True(line.Length <= 140 || isInLiteral || marks > 0,
                    $"{file}:{index + 1} has {line.Length} characters, of at most 140");
                isInLiteral ^= marks % 2 == 1;
            }
        }
    }

    [Fact]
    public void A_circle_is_found()
    {
        Dictionary<string, List<string>> graph = new() { ["a"] = ["b"], ["b"] = ["c", "d"], ["c"] = [], ["d"] = ["b"] };
        Assert.Equal(["b", "d", "b"], FindCircle(graph));
        graph["d"] = ["c"];
        Assert.Null(FindCircle(graph));
    }

    private static List<string> AllFiles()
    {
        var root = Path.GetFullPath(Path.Combine(Sources, ".."));
        string[] folders = ["src", "client", "silo", "bench", "samples", "tests"];
        var files = folders.SelectMany(f => Directory.GetFiles(Path.Combine(root, f), "*.cs", SearchOption.AllDirectories)).Where(IsOurs)
            .ToList();
        Assert.True(files.Count > 300, "the sources were not found");
        return files;
    }

    // Folders whose namespace is imported, or encloses this one, and of whose types one is mentioned.
    private static IEnumerable<string> UsedBy((string Folder, string Text) file, ILookup<string, string> types)
    {
        var words = Word().Matches(file.Text).Select(m => m.Value).ToHashSet();
        var open = Import().Matches(file.Text).Select(m => m.Groups[1].Value).ToHashSet();
        return types.Select(t => t.Key).Where(folder => folder != file.Folder
            && (open.Contains(folder) || open.Any(o => o.StartsWith(folder + ".", StringComparison.Ordinal))
                || file.Folder.StartsWith(folder + ".", StringComparison.Ordinal))
            && types[folder].Any(words.Contains));
    }

    private static List<string>? FindCircle(IReadOnlyDictionary<string, List<string>> graph)
    {
        var (done, path) = (new HashSet<string>(), new List<string>());
        return graph.Keys.Select(Visit).FirstOrDefault(c => c is not null);

        List<string>? Visit(string folder)
        {
            if (path.IndexOf(folder) is >= 0 and var at)
                return [.. path[at..], folder];
            if (!done.Add(folder))
                return null;
            path.Add(folder);
            var circle = graph.GetValueOrDefault(folder, []).Select(Visit).FirstOrDefault(c => c is not null);
            path.RemoveAt(path.Count - 1);
            return circle;
        }
    }

    private static bool IsOurs(string file) =>
        !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal);

    private static string ThisFile([CallerFilePath] string file = "") => file;

    [GeneratedRegex("""ProjectReference Include="[^"]*/([\w.]+)\.csproj""")]
    private static partial Regex Referred();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using (?:static )?(SelfJudge[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex Import();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"^(?:(?:public|internal|sealed|static|abstract|readonly|partial|ref|unsafe)\s+)*"
        + @"(?:record struct|record|class|struct|interface|enum)\s+(\w+)", RegexOptions.Multiline)]
    private static partial Regex Declared();
}
