using System.Collections.Frozen;
using System.Text.Json;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>What a row becomes: pairs, or a reason for which it is skipped.</summary>
internal readonly record struct PreparedRow(IReadOnlyList<PreferenceExample> Pairs, string? Skipped);

/// <summary>Recognises a row by its keys: HH-RLHF, UltraFeedback, TRL's standard and conversational forms, prompts.</summary>
internal static class PreferenceRow
{
    /// <summary>The keys that rows, and what is in them, are read by; any others may hold whatever they like.</summary>
    public static FrozenSet<string> Columns { get; } = new[]
    {
        "prompt", "chosen", "rejected", "role", "content", "type", "text", "answer", "winner", "tokens",
        "instruction", "completions", "response", "custom_system_prompt", "annotations", UltraFeedback.Rating,
    }.Concat(UltraFeedback.Principles).Concat(UltraFeedback.RationaleKeys).Concat(ScoredRows.Columns).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The pairs that a row is, or why it is left out.</summary>
    /// <exception cref="KeyNotFoundException">The row is none of these; the message says what it lacks.</exception>
    /// <exception cref="InvalidOperationException">A text is not UTF-8.</exception>
    public static PreparedRow Pairs(JsonElement row, CounterRandom random)
    {
        if (row.ValueKind == JsonValueKind.Object && row.TryGetProperty("instruction", out _) && row.TryGetProperty("completions", out _))
            return UltraFeedback.Pairs(row, random) is { Count: > 0 } pairs ? new(pairs, null)
                : new([], "fewer than two rated completions");
        if (IsImplicit(row))
        {
            var (chosen, rejected) = (Dialogue(row, "chosen"), Dialogue(row, "rejected"));
            return !chosen.SkipLast(1).SequenceEqual(rejected.SkipLast(1)) ? new([], "chosen and rejected do not share the prompt")
                : Pair([.. chosen.SkipLast(1)], chosen[^1].Content, rejected[^1].Content);
        }
        var prompt = Prompt(row);
        return Pair(prompt, Answer(row, "chosen", prompt), Answer(row, "rejected", prompt));
    }

    /// <summary>Why a pair teaches nothing; null where it does.</summary>
    public static string? Problem(PreferenceExample pair) =>
        pair.Chosen == pair.Rejected ? "identical responses"
        : pair.Chosen.Length == 0 || pair.Rejected.Length == 0 ? "empty response"
        : pair.Prompt.Count == 0 || pair.Prompt[^1].Role != Role.User ? "the prompt does not end with a user's turn"
        : null;

    public static IReadOnlyList<Turn> Prompt(JsonElement row)
    {
        if (Value(row, "prompt") is not { } prompt)
            return Value(row, "chosen") is not null ? Implicit(row)
                : Value(row, "instruction") is not null ? [new Turn(Role.User, Text(row, "instruction"))]
                : throw new KeyNotFoundException($"the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}{Instead(row)}");
        if (prompt.ValueKind == JsonValueKind.String)
            return [new Turn(Role.User, prompt.GetString()!)];
        var turns = Turns(prompt, "prompt");
        return turns.Count > 0 && turns[^1].Role == Role.User ? turns : throw new KeyNotFoundException("a prompt ends with a user's turn");
    }

    private static IReadOnlyList<Turn> Implicit(JsonElement row) =>
        Dialogue(row, "chosen") is [.., { Role: Role.User }, _] dialogue ? [.. dialogue.SkipLast(1)]
            : throw new KeyNotFoundException("no user's turn stands before the answer of \"chosen\"");

    public static string Text(JsonElement row, string key) =>
        Value(row, key) is { ValueKind: JsonValueKind.String } value ? value.GetString()!
            : throw new KeyNotFoundException($"the row has no text \"{key}\"");

    /// <summary>The tokens of the winning completion, which <c>submit</c> writes; null in other rows.</summary>
    public static int? AnswerTokens(JsonElement row) =>
        Value(row, "winner") is { ValueKind: JsonValueKind.Number } winner && winner.TryGetInt32(out var place)
            && Value(row, "completions") is { ValueKind: JsonValueKind.Array } completions
        && completions.EnumerateArray().ElementAtOrDefault(place) is var completion
            && Value(completion, "tokens") is { ValueKind: JsonValueKind.Number } tokens && tokens.TryGetInt32(out var count) ? count
            : null;

    /// <summary>The value of a key; null where there is none, or it is null.</summary>
    public static JsonElement? Value(JsonElement row, string key) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value
            : null;

    // Two dialogues, whose common beginning is the prompt.
    private static bool IsImplicit(JsonElement row) =>
        Value(row, "prompt") is null && Value(row, "chosen") is not null && Value(row, "rejected") is not null;

    private static PreparedRow Pair(IReadOnlyList<Turn> prompt, string chosen, string rejected) =>
        new([new PreferenceExample(prompt, chosen, rejected)], null);

    private static string Answer(JsonElement row, string key, IReadOnlyList<Turn> prompt)
    {
        if (Value(row, key) is not { ValueKind: JsonValueKind.Array } value)
            return Text(row, key);
        var turns = Turns(value, key);
        // Some data sets repeat the prompt in front of the answer.
        if (turns.Count == prompt.Count + 1 && turns.SkipLast(1).SequenceEqual(prompt))
            turns = turns[^1..];
        return turns is [{ Role: Role.Assistant } answer] ? answer.Content
            : throw new KeyNotFoundException($"\"{key}\" is to be one turn of the assistant");
    }

    private static IReadOnlyList<Turn> Dialogue(JsonElement row, string key)
    {
        var turns = Value(row, key) is { ValueKind: JsonValueKind.Array } value ? Turns(value, key) : HhDialogue.Parse(Text(row, key));
        return turns?.Count > 0 && turns[^1].Role == Role.Assistant ? turns
            : throw new KeyNotFoundException(
                $"\"{key}\" is no dialogue with an answer of the assistant: write turns as \\n\\nHuman: and \\n\\nAssistant:, or give a "
                + $"\"prompt\"");
    }

    private static List<Turn> Turns(JsonElement turns, string key) =>
        turns.ValueKind == JsonValueKind.Array ? [.. turns.EnumerateArray().Select(t => Turn(t, key))]
        : throw new KeyNotFoundException($"\"{key}\" is not a text, nor a list of turns");

    private static Turn Turn(JsonElement turn, string key)
    {
        if (turn.ValueKind != JsonValueKind.Object)
            throw new KeyNotFoundException($"\"{key}\" has a turn that is no {{\"role\": \"…\", \"content\": \"…\"}}");
        var role = Value(turn, "role") is { } named ? named.ToString()
            : throw new KeyNotFoundException($"a turn of \"{key}\" has no \"role\"");
        return new Turn(Roles.Find(role) ?? throw new KeyNotFoundException($"unknown role '{role}': a turn is of {Roles.Known}"),
            Content(turn, key));
    }

    // A text, or a list of parts, which are texts.
    private static string Content(JsonElement turn, string key)
    {
        if (Value(turn, "content") is not { ValueKind: JsonValueKind.Array } parts)
            return Value(turn, "content") is { ValueKind: JsonValueKind.String } text ? text.GetString()!
                : throw new KeyNotFoundException($"a turn of \"{key}\" has no text \"content\"");
        return string.Concat(parts.EnumerateArray()
            .Select(part => Value(part, "type") is { } type && type.ToString() != "text"
            ? throw new KeyNotFoundException($"a turn of \"{key}\" has a part of type '{type}', and only text is read")
            : Text(part, "text")));
    }

    // What a row without a prompt has in its place says what is amiss.
    private static string Instead(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            return $"; it is no object but {Article(row.ValueKind)}";
        var keys = row.EnumerateObject().Select(p => p.Name).Take(6).ToList();
        return keys.Count < 6 && row.EnumerateObject()
            .Where(p => p.Value.ValueKind == JsonValueKind.Array && p.Value.GetArrayLength() > 0
            && p.Value[0].ValueKind == JsonValueKind.Object).Select(p => p.Name).FirstOrDefault() is { } list
            ? $"; it has a list \"{list}\": where that holds the rows, make it the file, without the object around it"
            : keys.Count == 0 ? "; it is empty"
                : $"; it has {string.Join(", ", keys.Select(k => $"\"{k}\""))}{(keys.Count == 6 ? ", …" : "")}";
    }

    private static string Article(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        _ => kind.ToString().ToLowerInvariant(),
    };
}
