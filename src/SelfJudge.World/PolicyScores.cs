using System.Text.Json;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.World;

/// <summary>A policy's answers to the evaluation prompts and, where the prompts are the built-in world's, what the gold oracle gives
/// them.</summary>
public sealed class PolicyScores
{
    private readonly IReadOnlyList<GoldScore> _scores;

    /// <param name="prompts">The world's prompts; null where the prompts are others, which the oracle cannot score.</param>
    public PolicyScores(string name, IReadOnlyList<WorldPrompt>? prompts, IReadOnlyList<string> answers)
    {
        (Name, Answers) = (name, answers);
        _scores = [.. (prompts ?? []).Zip(answers, GoldOracle.Score)];
    }

    public string Name { get; }
    public IReadOnlyList<string> Answers { get; }

    /// <summary>The mean over principles, prompt by prompt; empty without an oracle.</summary>
    public IReadOnlyList<double> Gold => [.. _scores.Select(s => s.Mean)];

    /// <summary>The mean over principles and prompts; null without an oracle.</summary>
    public double? GoldMean => _scores.Count == 0 ? null : Gold.Average();
    public double MeanLength => Answers.Average(a => a.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length);
    public double Repetition => Answers.Average(a => Preferences.Statistics.Repetition.Of(a));

    /// <summary>With the win rate by the oracle.</summary>
    public PolicyResult Against(PolicyScores baseline) => With(WinRate.Of(Gold, baseline.Gold));

    /// <summary>With a win rate that a judge gave.</summary>
    public PolicyResult With(Estimate wins) => new(
        Name, GoldMean, _scores.Count == 0 ? new Dictionary<string, double>()
            : Enum.GetValues<Principle>().ToDictionary(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.ToString()), p =>
            _scores.Average(s => s[p])),
        wins.Mean, [wins.Low, wins.High], MeanLength, Repetition, Answers.Count);

    public AnswerResult Answer(int prompt) => new(Name, Answers[prompt], _scores.Count == 0 ? null : _scores[prompt].Mean);
}
