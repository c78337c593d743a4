using System.Text.Json;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>JSON Lines of prompts and of preference pairs, a prompt being a string or a list of <c>{role, content}</c>.</summary>
public static class PreferenceFiles
{
    /// <summary>Rows <c>{"prompt"}</c>.</summary>
    public static IEnumerable<IReadOnlyList<Turn>> ReadPrompts(string path) => ReadRows(path, row => Prompt(row));

    /// <summary>Rows <c>{"prompt", "chosen", "rejected"}</c>.</summary>
    public static IEnumerable<PreferenceExample> ReadPairs(string path) => ReadRows(path, row => new PreferenceExample(Prompt(row), Text(row, "chosen"), Text(row, "rejected")));

    private static List<T> ReadRows<T>(string path, Func<JsonElement, T> read)
    {
        if (!File.Exists(path))
            throw new DataException($"{path}: no such file");
        var rows = new List<T>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                rows.Add(read(json.RootElement));
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new DataException($"{path}:{number}: {e.Message}");
            }
        }
        return rows.Count > 0 ? rows : throw new DataException($"{path}: holds no rows");
    }

    private static List<Turn> Prompt(JsonElement row)
    {
        var prompt = row.ValueKind == JsonValueKind.Object && row.TryGetProperty("prompt", out var found) ? found
            : throw new KeyNotFoundException("the row has no \"prompt\"; write rows as {\"prompt\": \"…\"}");
        if (prompt.ValueKind == JsonValueKind.String)
            return [new Turn(Role.User, prompt.GetString()!)];
        var turns = prompt.EnumerateArray().Select(t => new Turn(Enum.TryParse<Role>(Text(t, "role"), ignoreCase: true, out var role) ? role : throw new KeyNotFoundException($"unknown role '{Text(t, "role")}'"), Text(t, "content"))).ToList();
        return turns.Count > 0 && turns[^1].Role == Role.User ? turns : throw new KeyNotFoundException("a prompt ends with a user's turn");
    }

    private static string Text(JsonElement row, string key) =>
        row.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new KeyNotFoundException($"the row has no text \"{key}\"");
}
