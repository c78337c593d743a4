using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Learning;

/// <summary>
/// Statistical rejection sampling (RSO, Liu et al. 2023, algorithm 1): of samples of the initial policy, those are kept
/// that look as if the optimal policy π* ∝ π·exp(r/β) had drawn them.
/// </summary>
public static class StatisticalRejection
{
    /// <summary>
    /// Goes through the candidates in a random order, again and again; each is accepted with probability
    /// exp((r − r_max)/β), r_max the highest reward among those not yet accepted, until <paramref name="count"/> are.
    /// </summary>
    /// <param name="rewards">Of the candidates, on whatever scale <paramref name="beta"/> is.</param>
    /// <returns>Indices of the accepted, in the order of their acceptance; all where there are not more than
    /// <paramref name="count"/>.</returns>
    public static IReadOnlyList<int> Accept(IReadOnlyList<double> rewards, double beta, int count, ulong seed)
    {
        if (beta <= 0)
            throw new ArgumentOutOfRangeException(nameof(beta), beta, "must be more than 0");
        var accepted = new List<int>();
        var left = CounterRandom.Permutation(rewards.Count, Seeds.Derive(seed, "order")).ToList();
        for (var pass = 0; accepted.Count < count && left.Count > 0; pass++)
        {
            // Of the best one the probability is 1: every pass accepts at least one.
            var highest = left.Max(i => rewards[i]);
            foreach (var i in left.ToList())
                if (accepted.Count < count && CounterRandom.Uniform(Seeds.Derive(seed, pass),
                    (ulong)i) < Math.Exp((rewards[i] - highest) / beta))
                {
                    accepted.Add(i);
                    left.Remove(i);
                }
        }
        return accepted;
    }
}
