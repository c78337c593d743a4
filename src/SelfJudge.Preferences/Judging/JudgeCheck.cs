using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Judging;

/// <summary>A judge, or a reward model, measured on held-out pairs before it judges in training.</summary>
/// <param name="Accuracy">Share of pairs on which it prefers the better response, ties as half.</param>
/// <param name="SwapConsistency">See <see cref="JudgeHealth"/>; 1 of a reward model, which sees one response at a time.</param>
/// <param name="Seconds">What it cost.</param>
public sealed record JudgeCheck(int Pairs, double Accuracy, double SwapConsistency, double PositionBias, double TieRate, double Seconds)
{
    /// <summary>Wilson's interval of the accuracy.</summary>
    public Estimate Interval => Estimate.OfShare(Accuracy, Pairs);

    /// <summary>What is wrong with the judge; null where nothing is.</summary>
    /// <param name="swapConsistency">The least that it needs.</param>
    public string? FindProblem(double swapConsistency)
    {
        var problems = new List<string>();
        if (Interval.Low <= 0.5)
            problems.Add($"its accuracy of {Accuracy:0.000} on {Pairs} held-out pairs (95 % {Interval.Low:0.000}–{Interval.High:0.000}) "
                + $"cannot be told from chance, which is 0.5");
        if (SwapConsistency < swapConsistency)
            problems.Add($"its swap consistency of {SwapConsistency:0.000} is below {swapConsistency:0.###} (position bias "
                + $"{PositionBias:+0.000;-0.000;0.000})");
        return problems.Count == 0 ? null : string.Join(", and ", problems);
    }

    public IReadOnlyDictionary<string, double> ToFigures() => new Dictionary<string, double>
    {
        ["pairs"] = Pairs,
        ["accuracy"] = Accuracy,
        ["swap_consistency"] = SwapConsistency,
        ["position_bias"] = PositionBias,
        ["tie_rate"] = TieRate,
        ["seconds"] = Seconds,
    };

    public static JudgeCheck Of(IReadOnlyDictionary<string, double> figures) =>
        new((int)figures["pairs"], figures["accuracy"], figures["swap_consistency"], figures["position_bias"], figures["tie_rate"],
            figures["seconds"]);
}
