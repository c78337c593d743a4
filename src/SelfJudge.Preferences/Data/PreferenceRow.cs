using System.Text.Json;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>What a row becomes: pairs, or a reason for which it is skipped.</summary>
internal readonly record struct PreparedRow(IReadOnlyList<PreferenceExample> Pairs, string? Skipped);

/// <summary>Recognises a row by its keys: HH-RLHF, UltraFeedback, TRL's standard and conversational forms, prompts.</summary>
internal static class PreferenceRow
{
    /// <exception cref="KeyNotFoundException">The row is none of these; the message says what it lacks.</exception>
    /// <exception cref="InvalidOperationException">A value has another type, or its text is not UTF-8.</exception>
    public static PreparedRow Pairs(JsonElement row, CounterRandom random)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new KeyNotFoundException("the row has no \"prompt\"; write rows as {\"prompt\": \"…\"}");
        if (row.TryGetProperty("instruction", out _) && row.TryGetProperty("completions", out _))
            return UltraFeedback.Pairs(row, random) is { Count: > 0 } pairs ? new(pairs, null) : new([], "fewer than two rated completions");
        if (!row.TryGetProperty("prompt", out _) && row.TryGetProperty("chosen", out _) && row.TryGetProperty("rejected", out _))
            return Whole(Dialogue(row, "chosen"), Dialogue(row, "rejected"));
        var prompt = Prompt(row);
        return Pair(prompt, Answer(row, "chosen", prompt), Answer(row, "rejected", prompt));
    }

    public static IReadOnlyList<Turn> Prompt(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty("prompt", out var prompt))
        {
            if (row.ValueKind == JsonValueKind.Object && row.TryGetProperty("chosen", out _))
                return Dialogue(row, "chosen").SkipLast(1).ToList();
            return row.ValueKind == JsonValueKind.Object && row.TryGetProperty("instruction", out _) ? [new Turn(Role.User, Text(row, "instruction"))]
                : throw new KeyNotFoundException("the row has no \"prompt\"; write rows as {\"prompt\": \"…\"}");
        }
        if (prompt.ValueKind == JsonValueKind.String)
            return [new Turn(Role.User, prompt.GetString()!)];
        var turns = Turns(prompt);
        return turns.Count > 0 && turns[^1].Role == Role.User ? turns : throw new KeyNotFoundException("a prompt ends with a user's turn");
    }

    public static string Text(JsonElement row, string key) =>
        row.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new KeyNotFoundException($"the row has no text \"{key}\"");

    /// <summary>The tokens of the winning completion, which <c>submit</c> writes; null in other rows.</summary>
    public static int? AnswerTokens(JsonElement row) =>
        row.TryGetProperty("winner", out var winner) && winner.ValueKind == JsonValueKind.Number && row.TryGetProperty("completions", out var completions) && completions.ValueKind == JsonValueKind.Array
        && completions.EnumerateArray().ElementAtOrDefault(winner.GetInt32()) is { ValueKind: JsonValueKind.Object } completion
        && completion.TryGetProperty("tokens", out var tokens) && tokens.ValueKind == JsonValueKind.Number ? tokens.GetInt32() : null;

    private static PreparedRow Whole(IReadOnlyList<Turn> chosen, IReadOnlyList<Turn> rejected) =>
        !chosen.SkipLast(1).SequenceEqual(rejected.SkipLast(1)) ? new([], "chosen and rejected do not share the prompt")
        : Pair([.. chosen.SkipLast(1)], chosen[^1].Content, rejected[^1].Content);

    private static PreparedRow Pair(IReadOnlyList<Turn> prompt, string chosen, string rejected) =>
        chosen == rejected ? new([], "identical responses")
        : chosen.Length == 0 || rejected.Length == 0 ? new([], "empty response")
        : prompt.Count == 0 || prompt[^1].Role != Role.User ? new([], "the prompt does not end with a user's turn")
        : new([new PreferenceExample(prompt, chosen, rejected)], null);

    public static string Answer(JsonElement row, string key, IReadOnlyList<Turn> prompt)
    {
        if (!row.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.Array)
            return Text(row, key);
        var turns = Turns(value);
        // Some data sets repeat the prompt in front of the answer.
        if (turns.Count == prompt.Count + 1 && turns.SkipLast(1).SequenceEqual(prompt))
            turns = turns[^1..];
        return turns is [{ Role: Role.Assistant } answer] ? answer.Content : throw new KeyNotFoundException($"\"{key}\" is to be one turn of the assistant");
    }

    private static IReadOnlyList<Turn> Dialogue(JsonElement row, string key)
    {
        var value = row.GetProperty(key);
        var turns = value.ValueKind == JsonValueKind.Array ? Turns(value) : HhDialogue.Parse(Text(row, key));
        return turns?.Count > 0 && turns[^1].Role == Role.Assistant ? turns
            : throw new KeyNotFoundException($"\"{key}\" is no dialogue with an answer of the assistant: write turns as \\n\\nHuman: and \\n\\nAssistant:, or give a \"prompt\"");
    }

    private static List<Turn> Turns(JsonElement turns) =>
        [.. turns.EnumerateArray().Select(t => new Turn(Enum.TryParse<Role>(Text(t, "role"), ignoreCase: true, out var role) ? role : throw new KeyNotFoundException($"unknown role '{Text(t, "role")}'"), Text(t, "content")))];
}
