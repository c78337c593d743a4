using System.Text.Json;

namespace SelfJudge.Runs.Logs;

/// <summary>One answer of the evaluation: a line of <c>answers.jsonl</c>.</summary>
/// <param name="Policy">The stage whose model answered.</param>
/// <param name="Samples">Chosen by a tournament of so many; 1 is the first sample.</param>
/// <param name="Prompt">Its place among the held-out prompts.</param>
/// <param name="Gold">The oracle's mean over principles; null without an oracle.</param>
public sealed record AnswerRow(string Policy, int Samples, int Prompt, string Question, string Answer, double? Gold)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IEnumerable<AnswerRow> Read(string path) => JsonLines.Read<AnswerRow>(path, Json);
}
