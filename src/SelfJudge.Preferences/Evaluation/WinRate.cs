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

    /// <summary>A share of independent trials, with Wilson's score interval: within [0, 1], and of some width even where all trials came out alike.</summary>
    public static Estimate OfShare(double share, int trials)
    {
        var spread = Z * Z / trials;
        var (middle, half) = ((share + spread / 2) / (1 + spread), Z / (1 + spread) * Math.Sqrt(share * (1 - share) / trials + spread / (4 * trials)));
        return new Estimate(share, Math.Max(0, middle - half), Math.Min(1, middle + half));
    }

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
        Estimate.Of([.. scores.Zip(baseline, Compare)]);

    /// <summary>1 where the first score is higher, 0 where the second is, one half where they are the same but for rounding.</summary>
    public static double Compare(double first, double second) => Math.Abs(first - second) < Tie ? 0.5 : first > second ? 1.0 : 0.0;
}
