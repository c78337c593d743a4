using System.Text.Json;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Data;

namespace SelfJudge.Runs.Logs;

/// <summary>What a stage's model, as a judge, made of a held-out pair: a line of <c>judged-pairs.jsonl</c>.</summary>
/// <param name="Pair">Its place among the held-out pairs.</param>
/// <param name="Correct">1 where it prefers the better response, 0 where the other, one half where neither.</param>
public sealed record JudgedPairRow(int Pair, string Question, double Correct)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    /// <summary>Writes the file, whole or not at all.</summary>
    public static void Write(string path, IReadOnlyList<PreferenceExample> pairs, IReadOnlyList<double> correct)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFolder.WriteFile(path,
            string.Concat(correct.Select((c, i) => JsonSerializer.Serialize(new JudgedPairRow(i, pairs[i].Prompt[^1].Content, c), Json)
            + "\n")));
    }

    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IEnumerable<JudgedPairRow> Read(string path) => JsonLines.Read<JudgedPairRow>(path, Json);
}
