using System.IO.Compression;
using System.Text;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Preferences.Data;

namespace SelfJudge.Fuzz.Readers;

/// <summary>Preference data as JSON Lines or JSON, gzipped or not.</summary>
/// <param name="format">jsonl or json.</param>
internal sealed class RowData(string format) : FuzzedReader
{
    internal static readonly string[] Rows =
    [
        """{"prompt":"why ?"}""",
        """{"prompt":"why ?","chosen":"so .","rejected":"no ."}""",
        """{"prompt":[{"role":"system","content":"be brief"},{"role":"user","content":"why ?"}],"chosen":[{"role":"assistant","content":"so ."}],"rejected":[{"role":"assistant","content":"no ."}]}""",
        """{"chosen":[{"role":"user","content":"why ?"},{"role":"assistant","content":"so ."}],"rejected":[{"role":"user","content":"why ?"},{"role":"assistant","content":"no ."}],"score":1.5}""",
        """{"chosen":"\n\nHuman: why ?\n\nAssistant: so .","rejected":"\n\nHuman: why ?\n\nAssistant: no ."}""",
        """{"source":"x","instruction":"why ?","completions":[{"model":"m","response":"so .","overall_score":8.5,"fine-grained_score":4.5,"critique":"good","annotations":{"helpfulness":{"Rating":"5","Rationale":"r","Type":["1"],"Rationale For Rating":"q"},"honesty":{"Rating":"4","Rationale":"r"}}},{"model":"n","response":"no .","overall_score":3,"fine-grained_score":2,"annotations":{"helpfulness":{"Rating":"1","Rationale":"r"},"honesty":{"Rating":"N/A","Rationale":"r"}}}]}""",
        """{"instruction":"why ?","output":"so .","generator":"m","dataset":"d"}""",
        """{"prompt":"why ?","answer":"so .","winner":0,"completions":[{"text":"so .","tokens":2,"seed":1}]}""",
    ];

    private static readonly string[] Vocabulary = [.. TextMutation.Words(Rows), "tool", "function", "\\ud800"];

    public override string Name => format;

    public override FuzzInput Make(Random random)
    {
        var rows = Enumerable.Range(0, 1 + random.Next(6)).Select(_ => Rows[random.Next(Rows.Length)]).ToList();
        var whole = format == "jsonl" ? string.Join('\n', rows) + "\n" : random.Next(3) == 0 ? string.Join('\n', rows)
            : $"[{string.Join(",\n", rows)}]";
        byte[] content;
        if (format == "jsonl" && random.Next(2) == 0)
        {
            rows[random.Next(rows.Count)] = JsonMutation.Mutate(random, rows[random.Next(rows.Count)], Vocabulary);
            content = Encoding.UTF8.GetBytes(string.Join('\n', rows));
        }
        else
            content = whole[0] == '[' ? Mutation.Json(random, [whole], Vocabulary) : Mutation.Text(random, [whole], Vocabulary);
        if (random.Next(3) != 0)
            return FuzzInput.Of(($"data.{format}", content));
        var packed = Gzip(content);
        if (random.Next(3) == 0)
            packed = [.. packed, .. Gzip(content)];
        return new FuzzInput(new Dictionary<string, byte[]>
        {
            [$"data.{format}.gz"] = random.Next(3) == 0
            ? ByteMutation.Mutate(random, packed, packed) : packed
        }, 2 * content.Length + packed.Length);
    }

    public override bool Read(string folder, FuzzInput input) => ReadRows(Path.Combine(folder, input.Files.Keys.Single()));

    internal static bool ReadRows(string path)
    {
        var report = new DataReport();
        foreach (var pair in PreferenceFiles.StreamPairs(path, 1, report, maxMalformed: 1))
            BrokenPromise.Unless(pair.Chosen != pair.Rejected && pair.Chosen.Length > 0 && pair.Rejected.Length > 0
                && pair.Prompt.Count > 0, "a pair has no prompt, an empty answer, or twice the same");
        BrokenPromise.Unless(report.Read == report.Kept + report.Skipped.Values.Sum(s => s.Count),
            "the rows read are not those kept and those skipped");
        foreach (var prompt in PreferenceFiles.StreamPrompts(path, new DataReport(), maxMalformed: 1))
            BrokenPromise.Unless(prompt.Count > 0, "a prompt is empty");
        // As the console reads answers: every row must be one.
        _ = PreferenceFiles.ReadPrompts(path).Count();
        return report.Kept > 0;
    }

    private static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(content);
        return packed.ToArray();
    }
}
