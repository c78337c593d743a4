using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Evaluation;

/// <summary>What a run came to: the content of <c>result.json</c>, keys in snake_case.</summary>
public sealed record RunResult
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new SnakeCaseEnums() },
    };

    public required string RunId { get; init; }
    public required string Name { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>From the run's start to its end, all resumptions together, evaluation included.</summary>
    public required double TotalSeconds { get; init; }

    /// <summary>Of the first judge-augmented stage on held-out pairs; null where none was measured.</summary>
    public double? JudgeAccuracy { get; init; }
    public double? JudgeSwapConsistency { get; init; }
    public required IReadOnlyList<StageResult> Stages { get; init; }

    /// <summary>Every stage's model as a judge on held-out pairs.</summary>
    public IReadOnlyList<JudgeResult> Judges { get; init; } = [];

    /// <summary>What each stage learned from, as a judge on held-out pairs, before the stage's first step.</summary>
    public IReadOnlyList<JudgeCheckResult> JudgeChecks { get; init; } = [];

    /// <summary>What the run's figures say of its health.</summary>
    public IReadOnlyList<HealthValue> Health { get; init; } = [];

    /// <summary>On held-out prompts; empty where the run has no evaluation.</summary>
    public IReadOnlyList<PolicyResult> Policies { get; init; } = [];

    /// <summary>Who gave the win rates; null where there are none.</summary>
    public EvaluationJudgeResult? EvaluationJudge { get; init; }

    /// <summary>What tournament winners are worth, against the number of samples.</summary>
    public IReadOnlyList<RejectionPoint> Rejection { get; init; } = [];
    public required TripletResult Triplets { get; init; }

    /// <summary>Some prompts with every policy's answer.</summary>
    public IReadOnlyList<ExampleResult> Examples { get; init; } = [];

    /// <summary>One prompt's tournament.</summary>
    public BracketResult? Bracket { get; init; }

    /// <summary>Some of the preferences that stages were trained on: each stage's first, one from its middle, its last.</summary>
    public IReadOnlyList<TripletExample> SampledTriplets { get; init; } = [];

    /// <summary>Whether training never saw the prompts that were answered; false where the data has prompts alone and holds none
    /// out.</summary>
    public bool IsHeldOut { get; init; } = true;

    /// <summary>The resolved recipe.</summary>
    public required string Recipe { get; init; }
    public required EnvironmentResult Environment { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>The result in a file.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message names the file.</exception>
    public static RunResult Load(string path)
    {
        try
        {
            var result = FromJson(File.ReadAllText(path));
            return result.Policies.Count == 0 || RecipeFile.ParseOfRun(result.Recipe, "recipe").Evaluation?.Baseline is not null ? result
                : throw new JsonException("its recipe names nothing that the policies were compared with");
        }
        catch (Exception e) when (e is JsonException or RecipeException)
        {
            throw new InvalidDataException(
                $"{path}: the result was damaged after it was written ({e.Message}); put it back from a copy, or delete it: 'resume' then "
                + $"measures anew");
        }
    }

    /// <exception cref="JsonException">It is none.</exception>
    public static RunResult FromJson(string json) =>
        JsonSerializer.Deserialize<RunResult>(json, Json) ?? throw new JsonException("the result is empty");
}

/// <summary>A finished stage.</summary>
/// <param name="Tokens">That passed through a model in any role: trained, sampled, judged.</param>
public sealed record StageResult(string Name, string Method, double Seconds, long Tokens, double TokensPerSecond, long TrainedParameters,
    string Output);

/// <summary>A model as a judge on held-out pairs.</summary>
/// <param name="AccuracyByPrinciple">Of each principle's judge template on that principle's own pairs; empty where templates name no
/// principles.</param>
public sealed record JudgeResult(string Stage, double Accuracy, double SwapConsistency, double PositionBias, double TieRate,
    double JudgeMass, IReadOnlyDictionary<string, double>? AccuracyByPrinciple = null);

/// <summary>A judge, or a reward model, on held-out pairs before it judged in training.</summary>
/// <param name="Stage">The stage that learned from it.</param>
/// <param name="AccuracyCi95">Wilson's interval over pairs.</param>
/// <param name="Warning">What is wrong with it; null where nothing is.</param>
public sealed record JudgeCheckResult(string Stage, string Judge, int Pairs, double Seconds, double Accuracy,
    IReadOnlyList<double> AccuracyCi95, double SwapConsistency, double PositionBias, double TieRate, string? Warning);

/// <summary>One figure of a stage, and where a healthy one lies.</summary>
/// <param name="Healthy">Such as "at most 0.333".</param>
public sealed record HealthValue(string Stage, string Measure, double Value, string Healthy, bool IsHealthy);

/// <summary>Who compared the policies' answers.</summary>
/// <param name="Description">How reports call it.</param>
/// <param name="IsIndependent">Whether it had no part in training the policies.</param>
/// <param name="Judged">Pairs of answers that it was asked about.</param>
/// <param name="SwapConsistency">See <see cref="JudgeHealth"/>; null, as are those after it, where the judge knows no order.</param>
/// <param name="InconsistentRate">Share of the judged pairs on which its two orders disagree.</param>
/// <param name="InconsistentPairs">What those count as.</param>
public sealed record EvaluationJudgeResult(string Name, string Description, bool IsIndependent, int Judged, double? SwapConsistency,
    double? PositionBias, double? JudgeMass, double? InconsistentRate = null, InconsistentPairs? InconsistentPairs = null);

/// <summary>A policy on held-out prompts.</summary>
/// <param name="GoldMean">The oracle's mean score; null without an oracle.</param>
/// <param name="GoldByPrinciple">Empty without an oracle.</param>
/// <param name="WinRateCi95">Lower and upper end.</param>
/// <param name="MeanLength">Words of an answer.</param>
/// <param name="Repetition">Mean share of three-word sequences that occurred earlier in the same answer.</param>
public sealed record PolicyResult(string Name, double? GoldMean, IReadOnlyDictionary<string, double> GoldByPrinciple, double WinRate,
    IReadOnlyList<double> WinRateCi95, double MeanLength, double Repetition, int NPrompts);

/// <summary>Tournament winners among N samples.</summary>
/// <param name="GoldMean">Null without an oracle.</param>
/// <param name="WinRate">Against the baseline's plain answers.</param>
public sealed record RejectionPoint(string Policy, int N, double? GoldMean, double MeanLength, double Repetition, double? WinRate = null);

/// <summary>What became of a run's preference triplets, counted over all its stages.</summary>
public sealed record TripletResult(long Made, long Trained, long StaleRefused, long IdenticalSkipped, long DuplicatesDropped,
    long InconsistentSkipped = 0);

/// <summary>A prompt and an answer of each policy.</summary>
public sealed record ExampleResult(string Prompt, IReadOnlyList<AnswerResult> Answers);

/// <summary>A policy's answer to a prompt.</summary>
/// <param name="Gold">The oracle's mean score; null without an oracle.</param>
public sealed record AnswerResult(string Policy, string Answer, double? Gold);

/// <summary>A preference that a stage was trained on.</summary>
/// <param name="ChosenScore">The judge's score, in [0, 1].</param>
/// <param name="OrdersAgree">Whether either order of presentation alone gave it.</param>
/// <param name="Prior">What likelihood added to the judge's log-odds of the chosen one, in nats; 0 where the judge decided alone.</param>
public sealed record TripletExample(string Stage, int Step, string Prompt, string Chosen, string Rejected, double ChosenScore,
    double RejectedScore, bool OrdersAgree, double Prior = 0);

/// <summary>A tournament to be drawn.</summary>
public sealed record BracketResult(string Policy, string Prompt, IReadOnlyList<string> Responses, Bracket Bracket);

/// <summary>What the run ran on.</summary>
/// <param name="Device">What its stages were trained on, each device once.</param>
/// <param name="Workers">Of one device.</param>
public sealed record EnvironmentResult(string Device, int Workers, string Framework, string Version);
