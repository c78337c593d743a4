using System.Text.Json;
using SelfJudge.Preferences.World;

namespace SelfJudge.Preferences.Evaluation;

/// <summary>A policy's answers to the evaluation prompts and what the gold oracle gives them.</summary>
public sealed class PolicyScores
{
    private readonly IReadOnlyList<string> _answers;
    private readonly IReadOnlyList<GoldScore> _scores;

    public PolicyScores(string name, IReadOnlyList<WorldPrompt> prompts, IReadOnlyList<string> answers)
    {
        Name = name;
        _answers = answers;
        _scores = [.. prompts.Zip(answers, GoldOracle.Score)];
    }

    public string Name { get; }

    /// <summary>The mean over principles, prompt by prompt.</summary>
    public IReadOnlyList<double> Gold => [.. _scores.Select(s => s.Mean)];
    public double MeanLength => _answers.Average(a => a.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
    public double Repetition => _answers.Average(a => Evaluation.Repetition.Of(a));

    public PolicyResult Against(PolicyScores baseline)
    {
        var wins = WinRate.Of(Gold, baseline.Gold);
        return new PolicyResult(Name, Gold.Average(), Enum.GetValues<Principle>().ToDictionary(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.ToString()), p => _scores.Average(s => s[p])),
            wins.Mean, [wins.Low, wins.High], MeanLength, Repetition, _answers.Count);
    }

    public AnswerResult Answer(int prompt) => new(Name, _answers[prompt], _scores[prompt].Mean);
}
