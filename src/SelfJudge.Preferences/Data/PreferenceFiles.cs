using System.Text.Json;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>An answer made elsewhere or before.</summary>
/// <param name="Tokens">Its length, where the file says it.</param>
public sealed record GivenAnswer(IReadOnlyList<Turn> Prompt, string Answer, int? Tokens);

/// <summary>Prompts and preference pairs from files: JSON Lines, gzipped or not, JSON, Parquet; a file or a folder of them. What a row is,
/// its keys say.</summary>
public static class PreferenceFiles
{
    /// <summary>Rows <c>{"prompt"}</c>, or of preference data, of which the prompt is taken. Every row must be one.</summary>
    /// <exception cref="DataException">A row is malformed, or there is none; the message names file and line.</exception>
    public static IEnumerable<IReadOnlyList<Turn>> ReadPrompts(string path) => ReadPrompts(path, new DataReport(), 0);

    /// <summary>The prompts of a path, each row accounted for in the report.</summary>
    /// <param name="maxMalformed">The share of rows that may be malformed.</param>
    public static IReadOnlyList<IReadOnlyList<Turn>> ReadPrompts(string path, DataReport report, double maxMalformed) =>
        [.. StreamPrompts(path, report, maxMalformed)];

    /// <summary>As <see cref="ReadPrompts(string, DataReport, double)"/>, a prompt at a time; what is wrong with the path as a whole is
    /// said at its end.</summary>
    internal static IEnumerable<IReadOnlyList<Turn>> StreamPrompts(string path, DataReport report, double maxMalformed) =>
        Read<IReadOnlyList<Turn>>(path, report, maxMalformed, (row, _) => ([PreferenceRow.Prompt(row)], null));

    /// <summary>Prompts with their answers: rows <c>{"prompt", "answer"}</c>, and what the console's <c>submit</c> writes. Every row must
    /// be one.</summary>
    /// <exception cref="DataException">A row is malformed, or there is none; the message names file and line.</exception>
    public static IReadOnlyList<GivenAnswer> ReadAnswers(string path) =>
        [.. Read<GivenAnswer>(path, new DataReport(), 0, (row, _) =>
            ([new GivenAnswer(PreferenceRow.Prompt(row), PreferenceRow.Text(row, "answer"), PreferenceRow.AnswerTokens(row))], null))];

    /// <summary>The pairs of a path, each row accounted for in the report. Large data is not held in memory: a pair is read again whenever
    /// it is asked for.</summary>
    /// <param name="seed">Draws among the completions of UltraFeedback.</param>
    /// <param name="maxMalformed">The share of rows that may be malformed.</param>
    /// <exception cref="DataException">Too many rows are malformed, or there is none; the message names file and line.</exception>
    public static IReadOnlyList<PreferenceExample> ReadPairs(string path, ulong seed = 0, DataReport? report = null,
        double maxMalformed = 0) => SpilledRows.Pairs(StreamPairs(path, seed, report ?? new DataReport(), maxMalformed));

    /// <summary>As <see cref="ReadPairs"/>, a pair at a time and once; what is wrong with the path as a whole is said at its end.</summary>
    public static IEnumerable<PreferenceExample> StreamPairs(string path, ulong seed, DataReport report, double maxMalformed) =>
        Read(path, report, maxMalformed, (row, number) =>
    {
        var (pairs, skipped) = PreferenceRow.Pairs(row, Draws(seed, number));
        skipped ??= pairs.Select(PreferenceRow.Problem).FirstOrDefault(p => p is not null);
        return (skipped is null ? pairs : [], skipped);
    });

    /// <summary>Draws among a row's completions.</summary>
    internal static CounterRandom Draws(ulong seed, long row) => new(Seeds.Derive(Seeds.Derive(seed, "rejected"), row));

    private static IEnumerable<T> Read<T>(string path, DataReport report, double maxMalformed,
        Func<JsonElement, long, (IReadOnlyList<T>, string?)> read)
    {
        var before = report.Read;
        foreach (var row in RowFiles.Find(path).SelectMany(RowFiles.Read))
        {
            foreach (var item in Items(row, report, read))
                yield return item;
            report.CheckSoFar(maxMalformed);
        }
        if (report.Read == before)
            throw new DataException($"{path}: holds no rows");
        report.Check(maxMalformed);
    }

    private static IReadOnlyList<T> Items<T>(SourceRow row, DataReport report, Func<JsonElement, long, (IReadOnlyList<T>, string?)> read)
    {
        try
        {
            if (row.Value is not { } value)
            {
                report.Refuse(row.Problem!, row.Place);
                return [];
            }
            var (found, skipped) = read(value, row.Number);
            if (skipped is null)
                report.Keep();
            else
                report.Skip(skipped, row.Place);
            return found;
        }
        // InvalidOperationException: a text that is not UTF-8
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            report.Refuse(e.Message, row.Place);
            return [];
        }
    }
}
