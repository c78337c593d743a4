using System.Text.RegularExpressions;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>What the keys of a recipe mean and which values they take, in words.</summary>
/// <param name="Key">From the top, such as stages[].loss.beta.</param>
/// <param name="Allowed">The values; empty where any text will do.</param>
/// <param name="Methods">The methods whose stages have it; empty where all have, or it is no key of a stage.</param>
public sealed partial record RecipeHelp(string Key, string Meaning, string Allowed, IReadOnlyList<string> Methods)
{
    /// <summary>Every key, each group before its own.</summary>
    public static IReadOnlyList<RecipeHelp> All { get; } = [.. Of(typeof(Recipe), "", [])];

    /// <summary>The keys that have a part in them, written as here, as in an error (stages[0].loss.beta), or without brackets.</summary>
    public static IEnumerable<RecipeHelp> Find(string part) =>
        All.Where(h => Element().Replace(h.Key, "").Contains(Element().Replace(part, ""), StringComparison.Ordinal));

    [GeneratedRegex(@"\[\d*\]")]
    private static partial Regex Element();

    private static IEnumerable<RecipeHelp> Of(Type type, string path, IReadOnlyList<string> methods)
    {
        foreach (var key in SettingKeys.Of(type).Values)
        {
            var (element, full) = (SettingKeys.ElementOf(key.Type), $"{path}{key.Name}");
            var isGroup = SettingKeys.IsGroup(element ?? key.Type);
            // A key of a group that some methods have goes with no others.
            IReadOnlyList<string> having = RecipeKeys.MethodsOf(key) is { Count: > 0 } own ? [.. own.Select(m => m.Name)] : methods;
            yield return new RecipeHelp(full, RecipeKeys.MeaningOf(key), isGroup ? "" : key.Allowed, having);
            if (isGroup)
                foreach (var within in Of(element ?? key.Type, element is null ? $"{full}." : $"{full}[].", having))
                    yield return within;
        }
    }
}
