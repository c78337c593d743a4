using System.Text.RegularExpressions;

namespace SelfJudge.Client;

/// <summary>The recipes that come with the program. A command that takes a recipe's file takes their names too.</summary>
internal static partial class ShippedRecipes
{
    private const string Extension = ".yaml";

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "recipes");

    /// <summary>Their names, such as smoke or paper/hh-jsft; in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory.GetFiles(Folder, "*" + Extension, SearchOption.AllDirectories)
            .Select(p => Path.GetRelativePath(Folder, p)[..^Extension.Length].Replace('\\', '/')).Order(StringComparer.Ordinal),
    ];

    /// <summary>The file of a recipe by name.</summary>
    /// <exception cref="UserError">There is none of that name.</exception>
    public static string PathOf(string name) =>
        Find(name) ?? throw new UserError($"there is no recipe '{name}'; those that come with the program are {string.Join(", ", Names)}");

    /// <summary>What a user has named: a file, or a recipe that comes with the program. A file goes first; what is called as one need not
    /// exist.</summary>
    /// <exception cref="UserError">It is neither.</exception>
    public static string Named(string fileOrName) =>
        File.Exists(fileOrName) || fileOrName.EndsWith(Extension, StringComparison.Ordinal) ? fileOrName
        : Find(fileOrName) ?? throw new UserError(
            $"{fileOrName}: no such recipe file, and none of that name comes with the program; 'recipes list' shows those that do");

    /// <summary>What its first comment says of a recipe: the first sentence.</summary>
    public static string AboutOf(string name)
    {
        var comment = string.Join(' ', File.ReadLines(PathOf(name)).TakeWhile(l => l.StartsWith('#')).Select(l => l.TrimStart('#').Trim()));
        return EndOfSentence().Split(comment, 2)[0].TrimEnd('.');
    }

    // "Azar et al. 2023" ends none.
    [GeneratedRegex(@"(?<!\bal)\.\s+(?=\p{Lu})")]
    private static partial Regex EndOfSentence();

    private static string? Find(string name) => Names.Contains(name) ? Path.Combine(Folder, name + Extension) : null;
}
