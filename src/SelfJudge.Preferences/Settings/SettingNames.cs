using YamlDotNet.Serialization.NamingConventions;

namespace SelfJudge.Preferences.Settings;

/// <summary>How recipes spell the values of an enumeration.</summary>
internal static class SettingNames
{
    /// <summary>A value, such as <c>off-policy</c>.</summary>
    public static string Of(Enum value) => HyphenatedNamingConvention.Instance.Apply(value.ToString());

    /// <summary>All values, in their order.</summary>
    public static IReadOnlyList<string> AllOf(Type enumeration) =>
        [.. Enum.GetNames(enumeration).Select(HyphenatedNamingConvention.Instance.Apply)];
}
