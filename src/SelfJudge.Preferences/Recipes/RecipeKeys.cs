using System.Reflection;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Which methods' stages have which keys.</summary>
internal static class RecipeKeys
{
    /// <summary>The keys of a stage and of its groups by their properties, each as methods name it:
    /// <c>loss_weights.judge_token</c>.</summary>
    private static readonly Lazy<Dictionary<PropertyInfo, string>> OfStages =
        new(() => PathsOf(typeof(StageRecipe), "").ToDictionary(p => p.Property, p => p.Path));

    /// <summary>The methods whose stages have a key; empty where all have, or where it is no key of a stage.</summary>
    public static IReadOnlyList<MethodSpec> MethodsOf(SettingKey key) =>
        OfStages.Value.TryGetValue(key.Property, out var path) ? StageMethods.Having(path) : [];

    /// <summary>Whether stages of a method have a key; where it is not known which, all.</summary>
    public static bool AppliesTo(SettingKey key, MethodSpec? method) =>
        method is null || MethodsOf(key) is var having && (having.Count == 0 || having.Contains(method));

    private static IEnumerable<(PropertyInfo Property, string Path)> PathsOf(Type group, string above) =>
        SettingKeys.Of(group).Values.SelectMany(k =>
            (SettingKeys.IsGroup(k.Type) ? PathsOf(k.Type, $"{above}{k.Name}.") : []).Prepend((k.Property, above + k.Name)));

    /// <summary>What a key means; of methods, what each of them is.</summary>
    public static string MeaningOf(SettingKey key) => key.Type != typeof(StageMethod) ? key.Setting.Meaning
        : $"{key.Setting.Meaning} {string.Join("; ", StageMethods.All.Select(m => $"{m.Name}: {m.Description}"))}.";
}
