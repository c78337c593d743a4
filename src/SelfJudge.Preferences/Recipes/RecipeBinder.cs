using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Yaml;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Makes the values of a YAML text a recipe. Whatever a key does not allow is refused, with its place.</summary>
/// <param name="ofRun">Whether a run wrote the text: it may hold what its stages' methods do not have, which is left aside.</param>
internal sealed partial class RecipeBinder(bool ofRun)
{
    private static readonly Dictionary<string, bool> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["true"] = true,
        ["yes"] = true,
        ["on"] = true,
        ["false"] = false,
        ["no"] = false,
        ["off"] = false
    };

    /// <exception cref="RecipeException">A key is unknown, missing, belongs to another method, or has a value that it does not
    /// take.</exception>
    public Recipe Bind(YamlMap root) => (Recipe)Group(root, typeof(Recipe), "", root.Place, null);

    private object Group(YamlMap map, Type type, string path, string place, MethodSpec? method)
    {
        var group = Activator.CreateInstance(type)!;
        var known = SettingKeys.Of(type);
        // What a stage's keys may be, its method says.
        if (type == typeof(StageRecipe) && map.Entries.TryGetValue("method", out var named) && !named.Value.IsEmpty)
            method = StageMethods.Of((StageMethod)Value(named.Value, known["method"], typeof(StageMethod), $"{path}.method", named.Place,
                null));
        foreach (var (name, entry) in map.Entries)
        {
            var full = path.Length == 0 ? name : $"{path}.{name}";
            if (!known.TryGetValue(name, out var key))
                throw new RecipeException($"{entry.Place}: unknown key '{full}'; known here are {string.Join(", ", known.Keys)}");
            // A key without a value says nothing: it has its default.
            if (entry.Value.IsEmpty)
                continue;
            if (RecipeKeys.AppliesTo(key, method))
                key.Property.SetValue(group, Value(entry.Value, key, key.Type, full, entry.Place, method));
            else if (!ofRun)
                throw new RecipeException(
                    $"{entry.Place}: {full}: a stage of method {method!.Name} does not have it; it goes with "
                    + $"{string.Join(", ", RecipeKeys.MethodsOf(key).Select(m => m.Name))}");
        }
        foreach (var key in known.Values.Where(k =>
            k.Setting.IsRequired && (!map.Entries.TryGetValue(k.Name, out var entry) || entry.Value.IsEmpty)))
            throw new RecipeException(
                $"{place}: {(path.Length == 0 ? "" : $"{path}.")}{key.Name} is "
                + $"missing{(key.Allowed.Length == 0 ? "" : $"; it is {key.Allowed}")}");
        return group is AdapterRecipe adapter ? Resolved(adapter, $"{path}.targets",
            map.Entries.TryGetValue("targets", out var targets) ? targets.Place : place) : group;
    }

    private static AdapterRecipe Resolved(AdapterRecipe adapter, string path, string place)
    {
        try
        {
            return adapter with { Targets = LoraTargets.Resolve(adapter.Targets) };
        }
        catch (ArgumentException e)
        {
            throw new RecipeException($"{place}: {path}: {e.Message}");
        }
    }

    private object Value(YamlValue value, SettingKey key, Type type, string path, string place, MethodSpec? method)
    {
        if (SettingKeys.ElementOf(type) is { } element)
        {
            // One value stands for a list of one.
            var items = value is YamlList list ? list.Items : SettingKeys.IsGroup(element) ? throw Refused(place, path, "a list", value)
                : [value];
            var made = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;
            foreach (var (i, item) in items.Index())
                made.Add(item.IsEmpty ? throw new RecipeException($"{item.Place}: {path}[{i}] is empty")
                    : Value(item, key, element, $"{path}[{i}]", item.Place, method));
            return made;
        }
        if (SettingKeys.IsGroup(type))
            return value is YamlMap map ? Group(map, type, path, place, method)
                : throw Refused(place, path, $"a group of keys: {string.Join(", ", SettingKeys.Of(type).Keys)}", value);
        if (value is not YamlScalar { Text: var text })
            throw Refused(place, path, key.Allowed.Length == 0 ? "a text" : key.Allowed, value);
        if (type == typeof(string))
            return text.Trim().Length is 0 or > SettingKeys.MaxText || text.Any(char.IsControl)
                ? throw new RecipeException($"{place}: {path}: must be a text of 1 to {SettingKeys.MaxText} characters on one line") : text;
        return Parsed(text, type) is { } read && (!SettingKeys.IsNumber(type)
            || key.Setting.Allows(Convert.ToDouble(read, CultureInfo.InvariantCulture))) ? read
            : throw Refused(place, path, key.Allowed, value);
    }

    private static object? Parsed(string text, Type type)
    {
        if (type.IsEnum)
            return SettingNames.AllOf(type).Index().Where(n => n.Item == text).Select(n => Enum.GetValues(type).GetValue(n.Index))
                .FirstOrDefault();
        if (type == typeof(bool))
            return Words.TryGetValue(text, out var word) ? word : null;
        var digits = text.Replace("_", "", StringComparison.Ordinal);
        if (SettingKeys.IsWhole(type))
            return !Whole().IsMatch(text) ? null
                : type == typeof(int) ? int.TryParse(digits, CultureInfo.InvariantCulture, out var number) ? number : null
                : ulong.TryParse(digits, CultureInfo.InvariantCulture, out var natural) ? natural : null;
        return type == typeof(float) ? float.TryParse(digits, CultureInfo.InvariantCulture, out var single) ? single : null
            : double.TryParse(digits, CultureInfo.InvariantCulture, out var real) ? real : null;
    }

    private static RecipeException Refused(string place, string path, string allowed, YamlValue value) =>
        new($"{place}: {path}: must be {allowed}, not {value.Shown}");

    // Without leading zeros: YAML 1.1 reads them as octal numbers.
    [GeneratedRegex(@"^[-+]?(0|[1-9][0-9_]*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Whole();
}
