
namespace SelfJudge.Preferences.Yaml;

/// <summary>A YAML file of texts by key.</summary>
internal static class TextFile
{
    private const int MaxName = 100;

    /// <summary>The texts that the file has. A key without a value is as one that is not there.</summary>
    /// <param name="what">What the file is, for error messages.</param>
    /// <param name="known">The keys that it may have, each with the placeholders that must stand in its text exactly once.</param>
    /// <param name="required">The keys that it must have.</param>
    /// <exception cref="ArgumentException">The file is missing, too large, no YAML, or has another key; the message names it, and the
    /// line.</exception>
    public static Dictionary<string, string> Read(string path, string what, IReadOnlyDictionary<string, string[]> known,
        IReadOnlyList<string> required)
    {
        if (!File.Exists(path))
            throw new ArgumentException($"{path}: no such {what} file");
        YamlValue? root;
        try
        {
            root = YamlReader.ReadFile(path);
        }
        catch (InvalidDataException e)
        {
            throw new ArgumentException(e.Message, e);
        }
        if (root is not YamlMap { Entries: var entries })
            throw new ArgumentException($"{path}: a {what} is a mapping of keys to texts");
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, entry) in entries)
        {
            if (!known.TryGetValue(key, out var placeholders))
                throw new ArgumentException($"{entry.Place}: unknown key '{key}'; known are {string.Join(", ", known.Keys)}");
            if (entry.Value.IsEmpty)
                continue;
            texts[key] = entry.Value is YamlScalar text ? text.Text
                : throw new ArgumentException($"{entry.Place}: {key} is not a text, but {entry.Value.Shown}");
            foreach (var placeholder in placeholders)
                if (texts[key].Split(placeholder).Length - 1 is not 1 and var count)
                    throw new ArgumentException(
                        $"{entry.Place}: {key}: the placeholder {placeholder} must stand exactly once, but stands {count} times");
        }
        if (required.FirstOrDefault(k => !texts.TryGetValue(k, out var text) || text.Length == 0) is { } missing)
            throw new ArgumentException($"{path}: the key {missing} is missing; a {what} has {string.Join(", ", required)}");
        if (texts["name"].Trim().Length is 0 or > MaxName || texts["name"].Any(char.IsControl))
            throw new ArgumentException($"{entries["name"].Place}: name: must be a text of 1 to {MaxName} characters on one line");
        return texts;
    }
}
