using MathNet.Numerics.Distributions;

namespace SelfJudge.Preferences.Statistics;

/// <summary>A mean with its 95 % interval.</summary>
public sealed record Estimate(double Mean, double Low, double High)
{
    private const double Z = 1.959963985; // 97.5 % point of the normal distribution

    /// <summary>The mean of many independent values, with the normal interval mean ± z·s/√n.</summary>
    public static Estimate Of(IReadOnlyCollection<double> values) => Of(values, Z);

    /// <summary>The mean of a few independent values, with Student's interval mean ± t·s/√n at n − 1 degrees of freedom.</summary>
    public static Estimate OfFew(IReadOnlyCollection<double> values) =>
        Of(values, values.Count < 2 ? 0 : StudentT.InvCDF(0, 1, values.Count - 1, 0.975));

    /// <summary>A share of independent trials, with Wilson's score interval: within [0, 1], and of some width even where all trials came
    /// out alike.</summary>
    public static Estimate OfShare(double share, int trials)
    {
        var spread = Z * Z / trials;
        var (middle, half) = ((share + spread / 2) / (1 + spread),
            Z / (1 + spread) * Math.Sqrt(share * (1 - share) / trials + spread / (4 * trials)));
        return new Estimate(share, Math.Max(0, middle - half), Math.Min(1, middle + half));
    }

    /// <summary>
    /// The mean of values by seed and by prompt, the prompts the same for every seed. Its variance is that of the seeds' means
    /// over the seeds, plus that of the prompts' means over the prompts; the interval is Student's, at the degrees of freedom of
    /// Welch and Satterthwaite. One seed leaves the prompts alone, one value each the seeds.
    /// </summary>
    public static Estimate OfCrossed(IReadOnlyList<IReadOnlyList<double>> values)
    {
        var mean = values.Average(v => v.Average());
        var bySeed = Part([.. values.Select(v => v.Average())]);
        var byPrompt = Part([.. Enumerable.Range(0, values[0].Count).Select(i => values.Average(v => v[i]))]);
        var variance = bySeed.Variance + byPrompt.Variance;
        if (variance == 0)
            return new Estimate(mean, mean, mean);
        var freedom = variance * variance / (bySeed.PerFreedom + byPrompt.PerFreedom);
        var half = StudentT.InvCDF(0, 1, freedom, 0.975) * Math.Sqrt(variance);
        return new Estimate(mean, mean - half, mean + half);

        // The variance of the mean, and its square by the degrees of freedom it was estimated with.
        static (double Variance, double PerFreedom) Part(IReadOnlyList<double> means)
        {
            if (means.Count < 2)
                return (0, 0);
            var middle = means.Average();
            var variance = means.Sum(m => (m - middle) * (m - middle)) / (means.Count - 1) / means.Count;
            return (variance, variance * variance / (means.Count - 1));
        }
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

/// <summary>How often answers are better than a baseline's to the same prompts, from 0 to 1.</summary>
public static class WinRate
{
    private const double Tie = 1e-9;

    /// <summary>Share of prompts on which the answers score higher than the baseline's answers to the same prompts, ties counting one
    /// half.</summary>
    public static Estimate Of(IReadOnlyList<double> scores, IReadOnlyList<double> baseline) =>
        Estimate.Of([.. scores.Zip(baseline, Compare)]);

    /// <summary>1 where the first score is higher, 0 where the second is, one half where they are the same but for rounding.</summary>
    public static double Compare(double first, double second) => Math.Abs(first - second) < Tie ? 0.5 : first > second ? 1.0 : 0.0;
}
