using SelfJudge.Abstractions;

namespace SelfJudge.Grains.Training;

/// <summary>What a step's samples and verdicts looked like, under the names that dashboards know.</summary>
internal static class RolloutFigures
{
    public static IEnumerable<KeyValuePair<string, double>> Of(IReadOnlyList<TripletBatch> batches, IReadOnlyList<Triplet> trained, long policyVersion)
    {
        if (batches.Count == 0)
            return [];
        var completions = batches.Select(b => b.Completions).ToList();
        double samples = completions.Sum(c => c.Count), tokens = completions.Sum(c => c.Tokens), stopped = completions.Sum(c => c.Stopped);
        var matches = batches.Sum(b => b.Verdicts.Count + b.Identical);
        var rewards = batches.SelectMany(b => b.Rewarded.Select(r => r.Reward)).ToList();
        // A reward model gives no verdicts.
        var figures = new Dictionary<string, double>(rewards.Count > 0 && matches == 0 ? [] : JudgeMetrics.Health(batches.SelectMany(b => b.Verdicts)))
        {
            ["completions/mean_length"] = tokens / samples,
            ["completions/min_length"] = completions.Min(c => c.Shortest),
            ["completions/max_length"] = completions.Max(c => c.Longest),
            ["completions/clipped_ratio"] = 1 - stopped / samples,
            ["completions/identical_ratio"] = matches == 0 ? 0 : (double)batches.Sum(b => b.Identical) / matches,
            ["val/contain_eos_token"] = stopped / samples,
            ["objective/entropy"] = completions.Sum(c => c.NegativeLogProbSum) / tokens,
            ["policy/staleness"] = trained.Count == 0 ? 0 : trained.Max(t => policyVersion - Math.Min(t.Chosen.PolicyVersion, t.Rejected.PolicyVersion)),
        };
        if (rewards.Count > 0)
            figures["rewards/mean"] = rewards.Average();
        return figures;
    }
}
