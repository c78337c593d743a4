namespace SelfJudge.Preferences.Evaluation;

/// <summary>A mean with its 95 % interval.</summary>
public sealed record Estimate(double Mean, double Low, double High)
{
    private const double Z = 1.959963985; // 97.5 % point of the normal distribution

    /// <summary>The mean of independent values, with the normal interval mean ± z·s/√n.</summary>
    public static Estimate Of(IReadOnlyCollection<double> values)
    {
        var mean = values.Average();
        if (values.Count < 2)
            return new Estimate(mean, mean, mean);
        var deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
        var half = Z * deviation / Math.Sqrt(values.Count);
        return new Estimate(mean, mean - half, mean + half);
    }
}

public static class WinRate
{
    private const double Tie = 1e-9;

    /// <summary>Share of prompts on which the answers score higher than the baseline's answers to the same prompts, ties counting one half.</summary>
    public static Estimate Of(IReadOnlyList<double> scores, IReadOnlyList<double> baseline) =>
        Estimate.Of([.. scores.Zip(baseline, (a, b) => Math.Abs(a - b) < Tie ? 0.5 : a > b ? 1.0 : 0.0)]);
}
