using System.Collections;
using System.Reflection;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Reads and writes recipes as YAML.</summary>
public static class RecipeFile
{
    private static readonly INamingConvention Naming = UnderscoredNamingConvention.Instance;

    private static readonly IDeserializer Deserializer = new DeserializerBuilder()
        .WithNamingConvention(Naming)
        .WithEnumNamingConvention(HyphenatedNamingConvention.Instance)
        .WithTypeMapping<IReadOnlyList<StageRecipe>, List<StageRecipe>>()
        .WithTypeMapping<IReadOnlyList<DataSource>, List<DataSource>>()
        .WithTypeMapping<IReadOnlyList<JudgeEndpoint>, List<JudgeEndpoint>>()
        .WithTypeMapping<IReadOnlyList<string>, List<string>>()
        .WithTypeMapping<IReadOnlyList<int>, List<int>>()
        .WithTypeMapping<IReadOnlyList<double>, List<double>>()
        .Build();

    private static readonly ISerializer Serializer = new SerializerBuilder()
        .WithNamingConvention(Naming)
        .WithEnumNamingConvention(HyphenatedNamingConvention.Instance)
        .ConfigureDefaultValuesHandling(DefaultValuesHandling.Preserve)
        .Build();

    /// <summary>Reads a recipe from a file, with settings of the form <c>key=value</c> put on top.</summary>
    /// <exception cref="RecipeException">The file or a setting is wrong; the message says where and how.</exception>
    public static Recipe Load(string path, IEnumerable<string>? settings = null)
    {
        if (!File.Exists(path))
            throw new RecipeException($"{path}: no such recipe file");
        return Parse(File.ReadAllText(path), path, settings);
    }

    /// <summary>Reads a recipe from text.</summary>
    /// <param name="name">What error messages call it.</param>
    public static Recipe Parse(string yaml, string name, IEnumerable<string>? settings = null)
    {
        var root = ParseTree(yaml, name);
        CheckKeys(root, typeof(Recipe), name, "");
        var recipe = Bind(yaml, name);
        // A setting may supply what the file leaves open, and settings may need one another: only what all come to is
        // checked, and whoever brought a problem in is named.
        var open = RecipeChecks.FindProblem(recipe);
        var place = open is null ? name : Place(name, LineOf(root, open.Value.Key));
        foreach (var setting in settings ?? [])
        {
            Apply(root, setting);
            recipe = Bind(Render(root), $"--set {setting}");
            var found = RecipeChecks.FindProblem(recipe);
            if (found is not null && found.Value.Key != open?.Key)
                place = $"--set {setting}";
            open = found;
        }
        return open is null ? recipe : throw new RecipeException($"{place}: {open.Value.Key}: {open.Value.What}");
    }

    /// <summary>The recipe with every key written out.</summary>
    public static string Render(Recipe recipe) => Serializer.Serialize(recipe);

    private static YamlMappingNode ParseTree(string yaml, string name)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(yaml));
        }
        catch (YamlException e)
        {
            throw new RecipeException($"{name}:{e.Start.Line}: not valid YAML: {e.Message}");
        }
        return stream.Documents.Count > 0 && stream.Documents[0].RootNode is YamlMappingNode mapping ? mapping
            : throw new RecipeException($"{name}: a recipe is a mapping of keys to values");
    }

    private static Recipe Bind(string yaml, string name)
    {
        try
        {
            return Deserializer.Deserialize<Recipe>(yaml);
        }
        catch (YamlException e)
        {
            throw new RecipeException($"{Place(name, e.Start.Line)}: {e.InnerException?.Message ?? e.Message}");
        }
    }

    private static string Place(string name, long line) => line > 0 && !name.StartsWith("--set", StringComparison.Ordinal) ? $"{name}:{line}" : name;

    private static void CheckKeys(YamlNode node, Type type, string name, string path)
    {
        if (node is YamlSequenceNode sequence && ElementType(type) is { } element)
        {
            for (var i = 0; i < sequence.Children.Count; i++)
                CheckKeys(sequence.Children[i], element, name, $"{path}[{i}]");
            return;
        }
        if (node is not YamlMappingNode mapping || type.Namespace?.StartsWith(nameof(SelfJudge), StringComparison.Ordinal) != true)
            return;
        foreach (var (keyNode, value) in mapping.Children)
        {
            var key = ((YamlScalarNode)keyNode).Value!;
            var known = PropertiesOf(type);
            if (!known.TryGetValue(key, out var property))
                throw new RecipeException($"{name}:{keyNode.Start.Line}: unknown key '{Join(path, key)}'; known here are {string.Join(", ", known.Keys)}");
            CheckKeys(value, property.PropertyType, name, Join(path, key));
        }
    }

    // stages.Self-Judge.steps=10 or stages.4.steps=10: elements of a list go by their name or their place.
    private static void Apply(YamlMappingNode root, string setting)
    {
        var equals = setting.IndexOf('=');
        if (equals <= 0)
            throw new RecipeException($"--set {setting}: write it as key=value");
        var keys = setting[..equals].Split('.');
        YamlNode node = root;
        var type = typeof(Recipe);
        for (var i = 0; i < keys.Length; i++)
        {
            if (node is YamlSequenceNode sequence)
            {
                node = sequence.Children.FirstOrDefault(c => c is YamlMappingNode m && m.Children.TryGetValue("name", out var n) && ((YamlScalarNode)n).Value == keys[i])
                    ?? (int.TryParse(keys[i], out var at) && at >= 0 && at < sequence.Children.Count ? sequence.Children[at] : null)
                    ?? throw new RecipeException($"--set {setting}: '{string.Join('.', keys[..i])}' has no element '{keys[i]}'");
                type = ElementType(type)!;
                continue;
            }
            var known = PropertiesOf(type);
            if (node is not YamlMappingNode mapping || !known.TryGetValue(keys[i], out var property))
                throw new RecipeException($"--set {setting}: unknown key '{string.Join('.', keys[..(i + 1)])}'; known here are {string.Join(", ", known.Keys)}");
            type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (i == keys.Length - 1)
                mapping.Children[new YamlScalarNode(keys[i])] = ParseValue(setting[(equals + 1)..], setting);
            else if (!mapping.Children.TryGetValue(new YamlScalarNode(keys[i]), out var next))
                mapping.Children[new YamlScalarNode(keys[i])] = node = new YamlMappingNode();
            else
                node = next;
        }
    }

    private static YamlNode ParseValue(string text, string setting)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new RecipeException($"--set {setting}: the value is not valid YAML: {e.Message}");
        }
        return stream.Documents.Count > 0 ? stream.Documents[0].RootNode : new YamlScalarNode("");
    }

    private static string Render(YamlMappingNode root)
    {
        var writer = new StringWriter();
        new YamlStream(new YamlDocument(root)).Save(writer, assignAnchors: false);
        return writer.ToString();
    }

    /// <summary>The line of a key such as stages[1].steps, or of the nearest key above it that the file has.</summary>
    private static long LineOf(YamlMappingNode root, string key)
    {
        YamlNode node = root;
        foreach (var part in key.Replace("[", ".[", StringComparison.Ordinal).Split('.'))
        {
            var next = part.StartsWith('[')
                ? (node as YamlSequenceNode)?.Children.ElementAtOrDefault(int.Parse(part[1..^1]))
                : (node as YamlMappingNode)?.Children.FirstOrDefault(c => c.Key is YamlScalarNode { Value: var name } && name == part).Value;
            if (next is null)
                break;
            node = next;
        }
        return node.Start.Line;
    }

    private static Dictionary<string, PropertyInfo> PropertiesOf(Type type) =>
        type.GetProperties().Where(p => p.CanWrite).ToDictionary(p => Naming.Apply(p.Name), StringComparer.Ordinal);

    private static Type? ElementType(Type type) => type != typeof(string) && type.IsGenericType && type.IsAssignableTo(typeof(IEnumerable)) ? type.GetGenericArguments()[0] : null;

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}
