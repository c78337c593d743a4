using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using YamlDotNet.Serialization.NamingConventions;

namespace SelfJudge.Preferences.Settings;

/// <summary>One key: its name in recipes, the property that holds it, and what is known of it.</summary>
internal sealed record SettingKey(string Name, PropertyInfo Property, SettingAttribute Setting)
{
    /// <summary>The type of its value where there is one.</summary>
    public Type Type => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>The values that it takes, in words; empty where any text will do.</summary>
    public string Allowed => (SettingKeys.ElementOf(Type) ?? Type) switch
    {
        { IsEnum: true } type => $"one of {string.Join(", ", SettingNames.AllOf(type))}",
        var type when type == typeof(bool) => "true or false",
        var type when SettingKeys.IsNumber(type) => Setting.Numbers(SettingKeys.IsWhole(type)),
        var type when SettingKeys.IsGroup(type) => $"a group of keys: {string.Join(", ", SettingKeys.Of(type).Keys)}",
        _ => "",
    };
}

/// <summary>The keys of a group of settings, as its properties declare them.</summary>
internal static class SettingKeys
{
    /// <summary>The longest text that a key takes.</summary>
    public const int MaxText = 4096;

    private static readonly ConcurrentDictionary<Type, IReadOnlyDictionary<string, SettingKey>> Known = [];

    /// <summary>The keys of a group by name, in their order.</summary>
    public static IReadOnlyDictionary<string, SettingKey> Of(Type type) =>
        Known.GetOrAdd(type, owner => new OrderedDictionary<string, SettingKey>(
        from property in owner.GetProperties()
        let setting = property.GetCustomAttribute<SettingAttribute>()
        where setting is not null
        let name = UnderscoredNamingConvention.Instance.Apply(property.Name)
        select KeyValuePair.Create(name, new SettingKey(name, property, setting)), StringComparer.Ordinal));

    /// <summary>Whether values of a type are groups of keys.</summary>
    public static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && Of(type).Count > 0;

    public static bool IsWhole(Type type) => type == typeof(int) || type == typeof(ulong);

    public static bool IsNumber(Type type) => IsWhole(type) || type == typeof(double) || type == typeof(float);

    /// <summary>The type of a list's elements; null where a type is no list.</summary>
    public static Type? ElementOf(Type type) =>
        type != typeof(string) && type.IsGenericType && type.IsAssignableTo(typeof(IEnumerable)) ? type.GetGenericArguments()[0] : null;

    /// <summary>The first number of a group that is outside of its range, in words; null where all are within.</summary>
    public static string? FindProblem(object settings) =>
        (from key in Of(settings.GetType()).Values
         where IsNumber(key.Type) && key.Property.GetValue(settings) is not null
         let value = Convert.ToDouble(key.Property.GetValue(settings), CultureInfo.InvariantCulture)
         where !key.Setting.Allows(value)
         select $"{key.Name} must be {key.Setting.Range}, not {value.ToString(CultureInfo.InvariantCulture)}").FirstOrDefault();
}
