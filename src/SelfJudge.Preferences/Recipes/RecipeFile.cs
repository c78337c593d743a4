using System.Collections;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Yaml;
using YamlDotNet.Serialization;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Reads and writes recipes as YAML.</summary>
public static class RecipeFile
{
    private static readonly ISerializer Serializer = new SerializerBuilder().DisableAliases().WithQuotingNecessaryStrings().Build();

    /// <summary>To name the one that brought a problem in, the recipe is bound again without it, and without the one before it, and so
    /// on.</summary>
    private const int MostSettings = 256;

    /// <summary>Reads a recipe from a file, with settings of the form <c>key=value</c> put on top.</summary>
    /// <exception cref="RecipeException">The file or a setting is wrong; the message says where and how.</exception>
    public static Recipe Load(string path, IEnumerable<string>? settings = null) =>
        Read(() => TreeOf(path), path, [.. settings ?? []], ofRun: false);

    /// <summary>Reads a recipe from text.</summary>
    /// <param name="name">What error messages call it.</param>
    /// <exception cref="RecipeException">The text or a setting is wrong; the message says where and how.</exception>
    public static Recipe Parse(string yaml, string name, IEnumerable<string>? settings = null) =>
        Read(() => YamlReader.Read(yaml, line => $"{name}:{line}"), name, [.. settings ?? []], ofRun: false);

    /// <summary>Reads the recipe that a run has in its folder. One that an earlier version wrote holds every key, also what its stages'
    /// methods do not have; that is left aside.</summary>
    /// <exception cref="RecipeException">The file is wrong; the message says where and how.</exception>
    public static Recipe LoadOfRun(string path) => Read(() => TreeOf(path), path, [], ofRun: true);

    /// <summary>Reads the recipe that a run has in its result, as <see cref="LoadOfRun"/> does.</summary>
    /// <exception cref="RecipeException">The text is wrong; the message says where and how.</exception>
    public static Recipe ParseOfRun(string yaml, string name) =>
        Read(() => YamlReader.Read(yaml, line => $"{name}:{line}"), name, [], ofRun: true);

    /// <summary>The recipe with every key written out that its stages' methods have.</summary>
    public static string Render(Recipe recipe) => Serializer.Serialize(Plain(recipe, null)!);

    private static YamlValue? TreeOf(string path) =>
        File.Exists(path) ? YamlReader.ReadFile(path) : throw new RecipeException($"{path}: no such recipe file");

    private static Recipe Read(Func<YamlValue?> read, string name, IReadOnlyList<string> settings, bool ofRun)
    {
        if (settings.Count > MostSettings)
            throw new RecipeException($"--set: {settings.Count} settings, and at most {MostSettings} are taken: write them into {name}");
        var (recipe, root) = Bound(settings.Count);
        if (RecipeChecks.FindProblem(recipe) is not { } problem)
            return recipe;
        // A setting may supply what the file leaves open, and settings may need one another: only what all come to is
        // checked, and whoever brought a problem in is named.
        for (var i = settings.Count; i > 0; i--)
            if (KeyOfProblem(i - 1) != problem.Key)
                throw new RecipeException($"{RecipeSettings.Place(settings[i - 1])}: {problem.Key}: {problem.What}");
        throw new RecipeException($"{PlaceOf(root, problem.Key)}: {problem.Key}: {problem.What}");

        (Recipe Recipe, YamlMap Root) Bound(int count)
        {
            try
            {
                var root = read() as YamlMap ?? throw new RecipeException($"{name}: a recipe is a mapping of keys to values");
                foreach (var setting in settings.Take(count))
                    RecipeSettings.Apply(root, setting);
                return (new RecipeBinder(ofRun).Bind(root).Completed(), root);
            }
            catch (InvalidDataException e)
            {
                throw new RecipeException(e.Message);
            }
        }

        // Of the first settings alone; null where they come to no recipe at all.
        string? KeyOfProblem(int count)
        {
            try
            {
                return RecipeChecks.FindProblem(Bound(count).Recipe)?.Key;
            }
            catch (RecipeException)
            {
                return null;
            }
        }
    }

    /// <summary>The place of a key such as stages[1].steps, or of the nearest key above it that the text has.</summary>
    private static string PlaceOf(YamlMap root, string key)
    {
        var (place, value) = (root.Place, (YamlValue)root);
        foreach (var part in key.Replace("[", ".[", StringComparison.Ordinal).Split('.'))
        {
            if (part.StartsWith('[') && value is YamlList { Items: var items }
                && items.ElementAtOrDefault(int.Parse(part[1..^1])) is { } item)
                (place, value) = (item.Place, item);
            else if (value is YamlMap { Entries: var entries } && entries.TryGetValue(part, out var entry))
                (place, value) = (entry.Place, entry.Value);
            else
                break;
        }
        return place;
    }

    // Groups as maps of the keys that they have, for the serializer.
    private static object? Plain(object? value, MethodSpec? method)
    {
        if (value is StageRecipe stage)
            method = stage.Spec;
        return value switch
        {
            null or string => value,
            Enum named => SettingNames.AllOf(value.GetType())[Array.IndexOf(Enum.GetValues(value.GetType()), named)],
            IEnumerable list => list.Cast<object>().Select(item => Plain(item, method)).ToList(),
            _ when SettingKeys.IsGroup(value.GetType()) =>
                new OrderedDictionary<string, object?>(SettingKeys.Of(value.GetType()).Values.Where(k => RecipeKeys.AppliesTo(k, method))
                    .Select(k => KeyValuePair.Create(k.Name, Plain(k.Property.GetValue(value), method)))),
            _ => value,
        };
    }
}
