using System.Text.Json;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>A preference row to be scored: what was asked, and two responses.</summary>
/// <param name="Row">Its place in the data, from 0, blank lines not counted.</param>
/// <param name="Place">Its file and line.</param>
/// <param name="Ids">Token ids that stand for the texts; null where the texts are to be tokenized.</param>
/// <param name="Recorded">The log-probabilities that the row itself carries; null where it has none.</param>
public sealed record ScoredRow(int Row, string Place, IReadOnlyList<Turn> Prompt, string Chosen, string Rejected, ScoredIds? Ids,
    RecordedLogProbs? Recorded);

/// <summary>A row's token ids: the prompt's, begin token included, and the responses'.</summary>
public sealed record ScoredIds(int[] Prompt, int[] Chosen, int[] Rejected);

/// <summary>Log-probabilities of a row's responses, summed over their tokens, in nats.</summary>
public sealed record RecordedLogProbs(double PolicyChosen, double PolicyRejected, double ReferenceChosen, double ReferenceRejected);

/// <summary>
/// Preference rows to be scored: those that training takes, read as it reads them, and each of them, also where it would
/// teach nothing; of a row of UltraFeedback its overall pair. Two dialogues as texts that share no whole prompt, or are
/// taken verbatim, are split behind the last <c>Assistant:</c> that they have in common. Or token ids,
/// <c>prompt_ids</c>, <c>chosen_ids</c>, <c>rejected_ids</c>, which are taken as they stand.
/// </summary>
public static class ScoredRows
{
    private const string Assistant = "Assistant:";
    private const ulong Seed = 1; // draws the rejected response of a row of UltraFeedback as a run of the first seed does

    private static readonly string[] ResponseKeys = ["chosen", "rejected"];
    private static readonly string[] IdKeys = ["prompt_ids", "chosen_ids", "rejected_ids"];
    private static readonly string[] LogProbKeys = ["policy_chosen_logp", "policy_rejected_logp", "ref_chosen_logp", "ref_rejected_logp"];

    /// <summary>The keys that are read here and nowhere else.</summary>
    internal static IEnumerable<string> Columns => IdKeys.Concat(LogProbKeys);

    /// <param name="path">A file of any kind that training takes, or a folder of such.</param>
    /// <param name="verbatim">Keep every character: a dialogue's prompt is one turn of text. Else it is split into its turns, and white
    /// space around them is dropped.</param>
    /// <param name="vocabulary">Ids must be less; null where that is not known yet.</param>
    /// <exception cref="DataException">The file is missing, damaged or empty, or a row cannot be read; the message names the
    /// line.</exception>
    public static IEnumerable<ScoredRow> Read(string path, bool verbatim, int? vocabulary = null)
    {
        var row = 0;
        foreach (var source in RowFiles.Find(path).SelectMany(RowFiles.Read))
            yield return Parse(source, row++, verbatim, vocabulary);
        if (row == 0)
            throw new DataException($"{path}: holds no rows");
    }

    private static ScoredRow Parse(SourceRow source, int row, bool verbatim, int? vocabulary)
    {
        DataException Bad(string what) => new($"{source.Place}: {what}");
        if (source.Value is not { } json)
            throw Bad(source.Problem!);
        try
        {
            if (json.ValueKind != JsonValueKind.Object)
                throw Bad("not a JSON object");
            var recorded = Recorded(json);
            if (Ids(json, vocabulary, Bad) is { } ids)
                return new ScoredRow(row, source.Place, [], "", "", ids, recorded);
            if (PreferenceRow.Value(json, "completions") is null)
                foreach (var key in ResponseKeys)
                    if (PreferenceRow.Value(json, key) is not { } response)
                        throw Bad($"the row has no \"{key}\"; rows are {{\"prompt\", \"chosen\", \"rejected\"}}, two dialogues "
                            + $"{{\"chosen\", \"rejected\"}}, or ids {{\"prompt_ids\", \"chosen_ids\", \"rejected_ids\"}}");
                    else if (response.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
                        throw Bad($"\"{key}\" is not a text");
            var areTexts = PreferenceRow.Value(json, "prompt") is null
                && ResponseKeys.All(k => PreferenceRow.Value(json, k) is { ValueKind: JsonValueKind.String });
            if (!(areTexts && verbatim))
            {
                var (pairs, skipped) = PreferenceRow.Pairs(json, PreferenceFiles.Draws(Seed, source.Number));
                if (skipped is null)
                    return new ScoredRow(row, source.Place, pairs[0].Prompt, pairs[0].Chosen, pairs[0].Rejected, null, recorded);
                if (!areTexts)
                    throw Bad(skipped);
            }
            string chosen = PreferenceRow.Text(json, "chosen"), rejected = PreferenceRow.Text(json, "rejected");
            var common = chosen.AsSpan().CommonPrefixLength(rejected);
            var last = chosen[..common].LastIndexOf(Assistant, StringComparison.Ordinal);
            if (last < 0)
                throw Bad($"the row has no \"prompt\", and its two dialogues share no text up to an \"{Assistant}\"");
            var end = last + Assistant.Length;
            if (verbatim)
                return new ScoredRow(row, source.Place, [new Turn(Role.User, chosen[..end])], chosen[end..], rejected[end..], null,
                    recorded);
            // The parser drops what follows the last answer; a word in its place keeps the turns before it.
            var dialogue = HhDialogue.Parse(chosen[..end] + " .");
            return dialogue is { Count: > 1 } && dialogue[^2].Role == Role.User
                ? new ScoredRow(row, source.Place, [.. dialogue.SkipLast(1)], chosen[end..].Trim(), rejected[end..].Trim(), null, recorded)
                : throw Bad("no turn of \"Human:\" stands before the responses");
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            throw Bad(e.Message);
        }
    }

    private static ScoredIds? Ids(JsonElement json, int? vocabulary, Func<string, DataException> bad)
    {
        // A column of a Parquet file that has them for other rows is null.
        var there = IdKeys.Count(k => PreferenceRow.Value(json, k) is not null);
        if (there == 0)
            return null;
        if (there < IdKeys.Length)
            throw bad($"the row has some of {string.Join(", ", IdKeys.Select(k => $"\"{k}\""))}, but not all");
        var ids = IdKeys.Select(key => Array(json.GetProperty(key), key, vocabulary, bad)).ToArray();
        return ids[0].Length == 0 ? throw bad("\"prompt_ids\" is empty: nothing predicts a response's first token")
            : new ScoredIds(ids[0], ids[1], ids[2]);
    }

    private static int[] Array(JsonElement value, string key, int? vocabulary, Func<string, DataException> bad)
    {
        if (value.ValueKind != JsonValueKind.Array)
            throw bad($"\"{key}\" is not a list of token ids");
        var ids = new int[value.GetArrayLength()];
        for (var i = 0; i < ids.Length; i++)
        {
            if (value[i].ValueKind != JsonValueKind.Number || !value[i].TryGetInt32(out ids[i]) || ids[i] < 0)
                throw bad($"\"{key}\" has {value[i].GetRawText()}, which is no token id");
            if (ids[i] >= vocabulary)
                throw bad($"\"{key}\" has the token {ids[i]}, which is not in the model's vocabulary of {vocabulary}");
        }
        return ids;
    }

    private static RecordedLogProbs? Recorded(JsonElement json)
    {
        double?[] found = [.. LogProbKeys.Select(key =>
            PreferenceRow.Value(json, key) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : (double?)null)];
        return found is [{ } chosen, { } rejected, { } referenceChosen, { } referenceRejected]
            ? new RecordedLogProbs(chosen, rejected, referenceChosen, referenceRejected) : null;
    }
}
