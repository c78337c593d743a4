namespace SelfJudge.Preferences.Yaml;

/// <summary>A value of a YAML text.</summary>
/// <param name="Place">Where it stands, as error messages say it.</param>
internal abstract record YamlValue(string Place)
{
    /// <summary>Whether nothing is written where a value could stand.</summary>
    public bool IsEmpty => this is YamlScalar { IsPlain: true, Text: "" or "~" or "null" or "Null" or "NULL" };

    /// <summary>What it is, for an error message.</summary>
    public string Shown => this switch
    {
        YamlScalar { Text: var text } => $"'{(text.Length > 100 ? text[..100] + "…" : text)}'",
        YamlList => "a list",
        _ => "a group of keys",
    };
}

/// <param name="IsPlain">Whether it stands without quotes, so that words such as null have their meaning.</param>
internal sealed record YamlScalar(string Place, string Text, bool IsPlain) : YamlValue(Place);

internal sealed record YamlList(string Place, List<YamlValue> Items) : YamlValue(Place);

internal sealed record YamlMap(string Place, OrderedDictionary<string, YamlEntry> Entries) : YamlValue(Place);

/// <param name="Place">Where the key stands.</param>
internal sealed record YamlEntry(string Place, YamlValue Value);
