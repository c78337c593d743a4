using System.Globalization;
using System.Text.Json;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>Records of UltraFeedback as it was published: an instruction, completions, and for each of these four principles'
/// ratings.</summary>
internal static class UltraFeedback
{
    public static IReadOnlyList<string> Principles { get; } = ["helpfulness", "honesty", "instruction_following", "truthfulness"];

    public static IReadOnlyList<string> RationaleKeys { get; } = ["Rationale For Rating", "Rationale"];

    public const string Rating = "Rating";

    private sealed record Completion(string Text, string? System, IReadOnlyDictionary<string, (double Rating, string? Rationale)> Ratings)
    {
        public double Mean => Ratings.Values.Average(r => r.Rating);
    }

    /// <summary>The overall pair, then one of each principle on which two completions differ; none where fewer than two completions are
    /// rated.</summary>
    /// <param name="random">Draws the rejected responses.</param>
    public static IReadOnlyList<PreferenceExample> Pairs(JsonElement record, CounterRandom random)
    {
        IReadOnlyList<Turn> prompt = [new Turn(Role.User, PreferenceRow.Text(record, "instruction"))];
        if (PreferenceRow.Value(record, "completions") is not { ValueKind: JsonValueKind.Array } completions)
            throw new KeyNotFoundException("\"completions\" is no list");
        // Equally rated, the longer response is taken for the better.
        var ranked = completions.EnumerateArray().Select(Read).Where(c => c.Ratings.Count > 0 && c.Text.Length > 0)
            .OrderByDescending(c => c.Mean).ThenByDescending(c => c.Text.Length).DistinctBy(c => c.Text).ToList();
        if (ranked.Count < 2)
            return [];
        var pairs = new List<PreferenceExample> { new(prompt, ranked[0].Text, ranked[1 + random.Below(ranked.Count - 1)].Text,
            PolicySystem: ranked[0].System) };
        foreach (var principle in Principles)
            if (PairOf(prompt, ranked, principle, random) is { } pair)
                pairs.Add(pair);
        return pairs;
    }

    private static PreferenceExample? PairOf(IReadOnlyList<Turn> prompt, IReadOnlyList<Completion> ranked, string principle,
        CounterRandom random)
    {
        var rated = ranked.Where(c => c.Ratings.ContainsKey(principle)).ToList();
        if (rated.Count == 0)
            return null;
        var first = rated[0];
        var others = rated.Where(c => c.Ratings[principle].Rating != first.Ratings[principle].Rating).ToList();
        if (others.Count == 0)
            return null;
        var second = others[random.Below(others.Count)];
        var (better, worse) = first.Ratings[principle].Rating > second.Ratings[principle].Rating ? (first, second) : (second, first);
        return new PreferenceExample(prompt, better.Text, worse.Text, better.Ratings[principle].Rationale,
            worse.Ratings[principle].Rationale, Principle: principle, PolicySystem: better.System);
    }

    private static Completion Read(JsonElement completion)
    {
        var ratings = new Dictionary<string, (double, string?)>();
        if (PreferenceRow.Value(completion, "annotations") is { ValueKind: JsonValueKind.Object } annotations)
            foreach (var principle in Principles)
            {
                if (PreferenceRow.Value(annotations, principle) is not { } found)
                    continue;
                // An older layout has a list of one annotation.
                var annotation = found.ValueKind == JsonValueKind.Array ? found.EnumerateArray().FirstOrDefault() : found;
                if (PreferenceRow.Value(annotation, Rating) is { } rating
                    && double.TryParse(rating.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                        && double.IsFinite(value))
                    ratings[principle] = (value, Rationale(annotation));
            }
        var system = PreferenceRow.Value(completion, "custom_system_prompt") is { ValueKind: JsonValueKind.String } custom
            ? custom.GetString() : null;
        return new Completion(PreferenceRow.Text(completion, "response"), string.IsNullOrWhiteSpace(system) ? null : system, ratings);
    }

    // "Text 2 is better" says nothing of this response to one who sees but two.
    private static string? Rationale(JsonElement annotation)
    {
        var text = RationaleKeys.Select(k => annotation.TryGetProperty(k, out var r) && r.ValueKind == JsonValueKind.String ? r.GetString()
            : null).FirstOrDefault(r => !string.IsNullOrWhiteSpace(r));
        return text?.Contains("Text", StringComparison.Ordinal) == true ? null : text;
    }
}
