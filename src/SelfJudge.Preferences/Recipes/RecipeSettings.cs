using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Yaml;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Settings of the form <c>key=value</c>, put on top of a recipe: <c>stages.Self-Judge.steps=10</c> or <c>stages.4.steps=10</c>,
/// since elements of a list go by their name or their place.</summary>
internal static class RecipeSettings
{
    /// <summary>What error messages call a setting. An address is not repeated: it may hold a secret.</summary>
    public static string Place(string setting) =>
        $"--set {(setting.Contains("://", StringComparison.Ordinal) ? $"{setting.Split('=')[0]}=…" : setting)}";

    /// <exception cref="RecipeException">The setting names no key of a recipe, or a whole element of a list.</exception>
    /// <exception cref="InvalidDataException">Its value is not YAML.</exception>
    public static void Apply(YamlMap root, string setting)
    {
        var place = Place(setting);
        var equals = setting.IndexOf('=');
        if (equals <= 0)
            throw new RecipeException($"{place}: write it as key=value");
        var keys = setting[..equals].Split('.');
        var value = YamlReader.Read(setting[(equals + 1)..], _ => place) ?? new YamlScalar(place, "", IsPlain: true);
        YamlValue node = root;
        var type = typeof(Recipe);
        for (var i = 0; i < keys.Length; i++)
        {
            var path = string.Join('.', keys[..(i + 1)]);
            if (node is YamlList list && SettingKeys.ElementOf(type) is { } element)
            {
                if (i == keys.Length - 1)
                    throw new RecipeException(
                        $"{place}: '{path}' is a whole element; "
                        + (SettingKeys.IsGroup(element) ? $"set one of its keys: {string.Join(", ", SettingKeys.Of(element).Keys)}"
                            : $"set the list, as {string.Join('.', keys[..i])}=[…]"));
                node = list.Items.Find(item => item is YamlMap { Entries: var entries } && entries.TryGetValue("name", out var name)
                    && name.Value is YamlScalar { Text: var text } && text == keys[i])
                    ?? (int.TryParse(keys[i], out var at) ? list.Items.ElementAtOrDefault(at) : null)
                    ?? throw new RecipeException($"{place}: '{string.Join('.', keys[..i])}' has no element '{keys[i]}'");
                type = element;
                continue;
            }
            if (node is not YamlMap { Entries: var known } || !SettingKeys.Of(type).TryGetValue(keys[i], out var key))
                throw new RecipeException(
                    $"{place}: unknown key '{path}'; "
                    + (SettingKeys.Of(type).Count > 0 ? $"known here are {string.Join(", ", SettingKeys.Of(type).Keys)}"
                        : $"'{string.Join('.', keys[..i])}' has no keys"));
            type = key.Type;
            if (i == keys.Length - 1)
                known[keys[i]] = new YamlEntry(place, value);
            else if (known.TryGetValue(keys[i], out var next) && !next.Value.IsEmpty)
                node = next.Value;
            else if (SettingKeys.ElementOf(type) is not null)
                throw new RecipeException($"{place}: '{path}' is empty, and has no element '{keys[i + 1]}'");
            else
                known[keys[i]] = new YamlEntry(place, node = new YamlMap(place, new(StringComparer.Ordinal)));
        }
    }
}
