using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client;

/// <summary>Two answers to one prompt and what the judge said: a line of the output file, keys in snake_case.</summary>
/// <param name="Job">The same in every line of a file: both sides, judge, sampling and seed by their hash.</param>
/// <param name="TokensA">The answer's length; null where a file of answers does not say it.</param>
/// <param name="Winner">a, b or tie; null where the judge gave no verdict.</param>
/// <param name="OrdersAgree">Whether either order alone gives the same verdict; null where the judge was not asked or knows no
/// order.</param>
/// <param name="Judgments">Per template; "forward" shows answer A first, "swapped" answer B.</param>
/// <param name="Unreadable">What a chat model answered where it named neither.</param>
internal sealed record ComparedPrompt(
    int Index, string Job, IReadOnlyList<PromptTurn> Prompt, string AnswerA, string AnswerB, int? TokensA, int? TokensB, string? Winner,
        double? ScoreA, double? ScoreB,
    bool? OrdersAgree, IReadOnlyList<TemplateJudgment> Judgments, IReadOnlyList<string> Unreadable)
{
    /// <summary>How every line begins.</summary>
    public const string Beginning = "{\"index\":";

    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new SnakeCaseEnums() },
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    public static ComparedPrompt Of(int index, string job, IReadOnlyList<Turn> prompt, GivenAnswer a, GivenAnswer b, PairJudgment judgment)
    {
        var verdict = judgment.Verdict;
        return new ComparedPrompt(index, job, PromptTurn.Of(prompt), a.Answer, b.Answer, a.Tokens, b.Tokens,
            verdict?.Winner switch { 1 => "a", 2 => "b", 0 => "tie", _ => null },
            verdict?.ScoreFirst, verdict?.ScoreSecond, verdict is { Judgments.Count: > 0 } ? verdict.OrdersAgree : null,
                verdict?.Judgments ?? [], judgment.Unreadable);
    }

    [JsonIgnore]
    public PairJudgment Judgment => new(
        Winner is null ? null
        : Judgments.Count > 0 ? Verdict.Of(Judgments) with { Winner = WinnerNumber }
        : new Verdict(WinnerNumber, Winner == "a" ? 1 : 0, Winner == "b" ? 1 : 0, ScoreA ?? 0, ScoreB ?? 0, []), Unreadable);

    private int WinnerNumber => Winner switch { "a" => 1, "b" => 2, _ => 0 };

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <exception cref="JsonException">The line is not of a comparison.</exception>
    public static ComparedPrompt FromJson(string line) =>
        JsonSerializer.Deserialize<ComparedPrompt>(line, Json) ?? throw new JsonException("the line is empty");
}

/// <summary>What a comparison came to: the last line of the output file, under the key "summary".</summary>
/// <param name="InconsistentPairs">What pairs count as on which the judge's two orders disagree.</param>
internal sealed record ComparisonResult(AnswerStyle A, AnswerStyle B, string Judge, IReadOnlyList<string> JudgeTemplates, string? Note,
    InconsistentPairs InconsistentPairs, ComparisonSummary Result)
{
    /// <summary>How its line begins.</summary>
    public const string Beginning = "{\"summary\":";

    public string ToJson() => JsonSerializer.Serialize(new { summary = this }, ComparedPrompt.Json);

    public static ComparisonResult Of(string a, string b, string judge, IReadOnlyList<string> templates, string? note,
        InconsistentPairs inconsistent, IReadOnlyList<ComparedPrompt> lines) => new(
        AnswerStyle.Of(a, [.. lines.Select(l => l.AnswerA)], [.. lines.Select(l => l.TokensA)]),
            AnswerStyle.Of(b, [.. lines.Select(l => l.AnswerB)], [.. lines.Select(l => l.TokensB)]),
        judge, templates, note, inconsistent, ComparisonSummary.Of([.. lines.Select(l => l.Judgment)],
            lines.Count(l => l.AnswerA == l.AnswerB)));
}
