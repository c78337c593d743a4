using System.IO.Compression;
using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client;

/// <summary>A preference row to be scored: what was asked, and two responses.</summary>
/// <param name="Row">Its place in the file, from 0, blank lines not counted.</param>
internal sealed record ScoredRow(int Row, IReadOnlyList<DialogueTurn> Prompt, string Chosen, string Rejected);

/// <summary>
/// Preference rows from JSON Lines, plain or gzipped: <c>prompt</c>, <c>chosen</c>, <c>rejected</c> as texts, or two
/// whole HH-RLHF dialogues <c>chosen</c> and <c>rejected</c>. A dialogue's prompt is the text that the two have in
/// common, up to and including its last <c>Assistant:</c>; what follows are the responses.
/// </summary>
internal static class ScoredRows
{
    private const string Assistant = "Assistant:";
    private static readonly string[] Headers = ["\n\nHuman:", "\n\nAssistant:"];

    /// <param name="verbatim">Keep every character: the prompt is one turn of text. Else a dialogue is split into its turns, and white space around them is dropped.</param>
    /// <exception cref="DataException">The file is missing or empty, or a row cannot be read; the message names the line.</exception>
    public static IEnumerable<ScoredRow> Read(string path, bool verbatim)
    {
        if (!File.Exists(path))
            throw new DataException($"{path}: no such file");
        using var file = File.OpenRead(path);
        using var text = new StreamReader(path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file);
        var (row, number) = (0, 0);
        while (NextLine(path, number, text) is { } line)
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return Parse($"{path}:{number}", line, row++, verbatim);
        }
        if (row == 0)
            throw new DataException($"{path}: holds no rows");
    }

    private static string? NextLine(string path, int number, StreamReader text)
    {
        try
        {
            return text.ReadLine();
        }
        catch (InvalidDataException e)
        {
            throw new DataException($"{path}: damaged after line {number}: {e.Message}");
        }
    }

    private static ScoredRow Parse(string place, string line, int row, bool verbatim)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw new DataException($"{place}: not a JSON object");
            string? Text(string key) => json.RootElement.TryGetProperty(key, out var value)
                ? value.ValueKind == JsonValueKind.String ? value.GetString() : throw new DataException($"{place}: \"{key}\" is not a text")
                : null;
            string Required(string key) => Text(key) ?? throw new DataException($"{place}: the row has no \"{key}\"; rows are {{\"prompt\", \"chosen\", \"rejected\"}}, or two dialogues {{\"chosen\", \"rejected\"}}");
            string chosen = Required("chosen"), rejected = Required("rejected");
            if (Text("prompt") is { } prompt)
                return new ScoredRow(row, [new DialogueTurn(Role.User, prompt)], chosen, rejected);
            var common = chosen.AsSpan().CommonPrefixLength(rejected);
            var last = chosen[..common].LastIndexOf(Assistant, StringComparison.Ordinal);
            if (last < 0)
                throw new DataException($"{place}: the row has no \"prompt\", and its two dialogues share no text up to an \"{Assistant}\"");
            var end = last + Assistant.Length;
            return verbatim
                ? new ScoredRow(row, [new DialogueTurn(Role.User, chosen[..end])], chosen[end..], rejected[end..])
                : new ScoredRow(row, Turns(place, chosen[..last]), chosen[end..].Trim(), rejected[end..].Trim());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new DataException($"{place}: {e.Message}");
        }
    }

    private static List<DialogueTurn> Turns(string place, string dialogue)
    {
        var turns = new List<DialogueTurn>();
        for (var at = Next(dialogue, 0); at.Start >= 0;)
        {
            var from = at.Start + Headers[at.Header].Length;
            var next = Next(dialogue, from);
            var content = dialogue[from..(next.Start < 0 ? dialogue.Length : next.Start)].Trim();
            if (content.Length > 0)
                turns.Add(new DialogueTurn(at.Header == 0 ? Role.User : Role.Assistant, content));
            at = next;
        }
        return turns.Count > 0 && turns[^1].Role == Role.User ? turns : throw new DataException($"{place}: no turn of \"Human:\" stands before the responses");
    }

    private static (int Start, int Header) Next(string text, int from) => Headers.Select((h, i) => (Start: text.IndexOf(h, from, StringComparison.Ordinal), Header: i)).Where(h => h.Start >= 0).DefaultIfEmpty((-1, 0)).Min();
}
