namespace SelfJudge.Preferences.Templates;

/// <summary>Roles as data files name them.</summary>
public static class Roles
{
    private static readonly Dictionary<string, Role> Named = Enum.GetValues<Role>()
        .ToDictionary(r => r.ToString(), StringComparer.OrdinalIgnoreCase);

    /// <summary>What there is, for messages.</summary>
    public const string Known = "system, user or assistant";

    /// <summary>The role of a name, in whatever case; null where there is none.</summary>
    public static Role? Find(string name) => Named.TryGetValue(name, out var role) ? role : null;
}
