using MathNet.Numerics.Distributions;

namespace SelfJudge.Preferences.Evaluation;

/// <summary>A mean with its 95 % interval.</summary>
public sealed record Estimate(double Mean, double Low, double High)
{
    private const double Z = 1.959963985; // 97.5 % point of the normal distribution

    /// <summary>The mean of many independent values, with the normal interval mean ± z·s/√n.</summary>
    public static Estimate Of(IReadOnlyCollection<double> values) => Of(values, Z);

    /// <summary>The mean of a few independent values, with Student's interval mean ± t·s/√n at n − 1 degrees of freedom.</summary>
    public static Estimate OfFew(IReadOnlyCollection<double> values) => Of(values, values.Count < 2 ? 0 : StudentT.InvCDF(0, 1, values.Count - 1, 0.975));

    private static Estimate Of(IReadOnlyCollection<double> values, double quantile)
    {
        var mean = values.Average();
        if (values.Count < 2)
            return new Estimate(mean, mean, mean);
        var deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
        var half = quantile * deviation / Math.Sqrt(values.Count);
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
