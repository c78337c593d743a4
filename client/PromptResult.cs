using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Client;

/// <summary>What became of one submitted prompt: a line of the output file, keys in snake_case.</summary>
/// <param name="Index">The prompt's place in the input, from 0.</param>
/// <param name="Job">The same in every line of a file: model, templates, sampling and seed by their hash.</param>
/// <param name="Answer">The text of the completion that won.</param>
/// <param name="Winner">Its index among the completions.</param>
/// <param name="Seeding">The completions in their order of entry.</param>
internal sealed record PromptResult(int Index, string Job, IReadOnlyList<PromptTurn> Prompt, string Answer, int Winner,
    IReadOnlyList<CompletionResult> Completions, IReadOnlyList<int> Seeding, IReadOnlyList<MatchResult> Matches)
{
    /// <summary>How every line begins.</summary>
    public const string Beginning = "{\"index\":";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new SnakeCaseEnums() },
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    public static PromptResult Of(string job, IReadOnlyList<Turn> prompt, PromptOutcome outcome) => new(
        outcome.Index, job, PromptTurn.Of(prompt), outcome.Champion.Text, outcome.Bracket.Champion,
        [.. outcome.Completions.Select(c => new CompletionResult(c.Text, c.Seed, c.Finish, c.Ids.Length, c.LogProbs.Sum(p => (double)p)))],
        outcome.Bracket.Seeding, [.. outcome.Bracket.Matches.Select(MatchResult.Of)]);

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <exception cref="JsonException">The line is not a result.</exception>
    public static PromptResult FromJson(string line) =>
        JsonSerializer.Deserialize<PromptResult>(line, Json) ?? throw new JsonException("the line is empty");
}

internal sealed record PromptTurn(Role Role, string Content)
{
    public static IReadOnlyList<PromptTurn> Of(IReadOnlyList<Turn> turns) => [.. turns.Select(t => new PromptTurn(t.Role, t.Content))];
}

/// <summary>One sampled response.</summary>
/// <param name="LogProb">Of its tokens together under the model, in nats.</param>
internal sealed record CompletionResult(string Text, ulong Seed, FinishReason Finish, int Tokens, double LogProb);

/// <summary>A match between two completions, by index.</summary>
/// <param name="OrdersAgree">Whether either order alone gives the same winner; null where the two were identical and nobody was
/// asked.</param>
/// <param name="Prior">What likelihood added to the judge's log-odds of the first, in nats; 0 where the judge decided alone.</param>
internal sealed record MatchResult(int Round, int First, int Second, int Winner, double ScoreFirst, double ScoreSecond, bool? OrdersAgree,
    IReadOnlyList<TemplateJudgment> Judgments, double Prior = 0)
{
    public static MatchResult Of(Match m) => new(m.Round, m.First, m.Second, m.Winner, m.Verdict.ScoreFirst, m.Verdict.ScoreSecond,
        m.Verdict.Judgments.Count == 0 ? null : m.Verdict.OrdersAgree, m.Verdict.Judgments, m.Verdict.Prior);

    [JsonIgnore]
    public Verdict Verdict => Judgments.Count == 0 ? Verdict.Identical : Verdict.Of(Judgments, Prior);
}
