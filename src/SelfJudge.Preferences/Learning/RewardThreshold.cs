namespace SelfJudge.Preferences.Learning;

/// <summary>What an Improve step of ReST learns from (Gulcehre et al. 2023): the samples above a quantile of the reward.</summary>
public static class RewardThreshold
{
    /// <summary>The q-quantile, linear between order statistics (as NumPy's default has it).</summary>
    public static double Quantile(IReadOnlyList<double> rewards, double q)
    {
        if (rewards.Count == 0)
            throw new ArgumentException("no rewards, no quantile");
        var sorted = rewards.Order().ToArray();
        var at = Math.Clamp(q, 0, 1) * (sorted.Length - 1);
        var below = (int)Math.Floor(at);
        return below + 1 == sorted.Length ? sorted[below] : sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
    }

    /// <summary>Indices of the samples whose reward is at least the q-quantile of all, in their order.</summary>
    public static IReadOnlyList<int> Above(IReadOnlyList<double> rewards, double q)
    {
        var threshold = Quantile(rewards, q);
        return [.. Enumerable.Range(0, rewards.Count).Where(i => rewards[i] >= threshold)];
    }
}
