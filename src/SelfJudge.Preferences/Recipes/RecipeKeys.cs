using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using SelfJudge.Preferences.Methods;
using YamlDotNet.Serialization.NamingConventions;

namespace SelfJudge.Preferences.Recipes;

/// <summary>One key of a recipe: its name there, the property that holds it, and what is known of it.</summary>
internal sealed record RecipeKey(string Name, PropertyInfo Property, SettingAttribute Setting)
{
    /// <summary>The type of its value where there is one.</summary>
    public Type Type => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>What it means; of methods, what each of them is.</summary>
    public string Meaning => Type != typeof(StageMethod) ? Setting.Meaning
        : $"{Setting.Meaning} {string.Join("; ", StageMethods.All.Select(m => $"{m.Name}: {m.Description}"))}.";

    /// <summary>The values that it takes, in words; empty where any text will do.</summary>
    public string Allowed => (RecipeKeys.ElementOf(Type) ?? Type) switch
    {
        { IsEnum: true } type => $"one of {string.Join(", ", RecipeKeys.NamesOf(type))}",
        var type when type == typeof(bool) => "true or false",
        var type when RecipeKeys.IsNumber(type) => Setting.Numbers(RecipeKeys.IsWhole(type)),
        var type when RecipeKeys.IsGroup(type) => $"a group of keys: {string.Join(", ", RecipeKeys.Of(type).Keys)}",
        _ => "",
    };
}

/// <summary>The keys of a recipe and of its groups, as their properties declare them.</summary>
internal static class RecipeKeys
{
    /// <summary>The longest text that a key takes.</summary>
    public const int MaxText = 4096;

    private static readonly ConcurrentDictionary<Type, IReadOnlyDictionary<string, RecipeKey>> Known = [];

    /// <summary>The keys of a group by name, in their order.</summary>
    public static IReadOnlyDictionary<string, RecipeKey> Of(Type type) => Known.GetOrAdd(type, owner => new OrderedDictionary<string, RecipeKey>(
        from property in owner.GetProperties()
        let setting = property.GetCustomAttribute<SettingAttribute>()
        where setting is not null
        let name = UnderscoredNamingConvention.Instance.Apply(property.Name)
        select KeyValuePair.Create(name, new RecipeKey(name, property, setting)), StringComparer.Ordinal));

    /// <summary>Whether values of a type are groups of keys.</summary>
    public static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && Of(type).Count > 0;

    public static bool IsWhole(Type type) => type == typeof(int) || type == typeof(ulong);

    public static bool IsNumber(Type type) => IsWhole(type) || type == typeof(double) || type == typeof(float);

    /// <summary>The type of a list's elements; null where a type is no list.</summary>
    public static Type? ElementOf(Type type) => type != typeof(string) && type.IsGenericType && type.IsAssignableTo(typeof(IEnumerable)) ? type.GetGenericArguments()[0] : null;

    /// <summary>How recipes spell the values of an enumeration.</summary>
    public static IReadOnlyList<string> NamesOf(Type enumeration) => [.. Enum.GetNames(enumeration).Select(HyphenatedNamingConvention.Instance.Apply)];

    /// <summary>How recipes spell a value of an enumeration.</summary>
    public static string NameOf(Enum value) => HyphenatedNamingConvention.Instance.Apply(value.ToString());

    /// <summary>The keys of a stage and of its groups by their properties, each as methods name it: <c>loss_weights.judge_token</c>.</summary>
    private static readonly Lazy<Dictionary<PropertyInfo, string>> OfStages = new(() => PathsOf(typeof(StageRecipe), "").ToDictionary(p => p.Property, p => p.Path));

    /// <summary>The methods whose stages have a key; empty where all have, or where it is no key of a stage.</summary>
    public static IReadOnlyList<MethodSpec> MethodsOf(RecipeKey key) => OfStages.Value.TryGetValue(key.Property, out var path) ? StageMethods.Having(path) : [];

    /// <summary>Whether stages of a method have a key; where it is not known which, all.</summary>
    public static bool AppliesTo(RecipeKey key, MethodSpec? method) => method is null || MethodsOf(key) is var having && (having.Count == 0 || having.Contains(method));

    private static IEnumerable<(PropertyInfo Property, string Path)> PathsOf(Type group, string above) =>
        Of(group).Values.SelectMany(k => (IsGroup(k.Type) ? PathsOf(k.Type, $"{above}{k.Name}.") : []).Prepend((k.Property, above + k.Name)));

    /// <summary>The first number of a group that is outside of its range, in words; null where all are within.</summary>
    public static string? FindProblem(object settings) =>
        (from key in Of(settings.GetType()).Values
         where IsNumber(key.Type) && key.Property.GetValue(settings) is not null
         let value = Convert.ToDouble(key.Property.GetValue(settings), CultureInfo.InvariantCulture)
         where !key.Setting.Allows(value)
         select $"{key.Name} must be {key.Setting.Range}, not {value.ToString(CultureInfo.InvariantCulture)}").FirstOrDefault();
}
