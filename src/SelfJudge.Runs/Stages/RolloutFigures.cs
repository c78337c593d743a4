using SelfJudge.Abstractions;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Runs.Judging;
using SelfJudge.World;

namespace SelfJudge.Runs.Stages;

/// <summary>What a step's samples and verdicts looked like, under the names that dashboards know.</summary>
public static class RolloutFigures
{
    /// <summary>The share of triplets whose chosen response is the better one by the built-in world's oracle, of those between which it
    /// sees a difference.</summary>
    public const string OracleAgreement = "judge/oracle_agreement";

    internal static IEnumerable<KeyValuePair<string, double>> Of(IReadOnlyList<TripletBatch> batches, IReadOnlyList<Triplet> trained,
        long policyVersion)
    {
        if (batches.Count == 0)
            return [];
        var completions = batches.Select(b => b.Completions).ToList();
        double samples = completions.Sum(c => c.Count), tokens = completions.Sum(c => c.Tokens), stopped = completions.Sum(c => c.Stopped);
        var matches = batches.Sum(b => b.Verdicts.Count + b.Identical);
        var rewards = batches.SelectMany(b => b.Rewarded.Select(r => r.Reward)).ToList();
        // A reward model gives no verdicts.
        var figures = new Dictionary<string, double>(rewards.Count > 0 && matches == 0 ? []
            : JudgeMetrics.Health(batches.SelectMany(b => b.Verdicts)))
        {
            ["completions/mean_length"] = tokens / samples,
            ["completions/min_length"] = completions.Min(c => c.Shortest),
            ["completions/max_length"] = completions.Max(c => c.Longest),
            ["completions/clipped_ratio"] = 1 - stopped / samples,
            ["completions/identical_ratio"] = matches == 0 ? 0 : (double)batches.Sum(b => b.Identical) / matches,
            ["val/contain_eos_token"] = stopped / samples,
            ["objective/entropy"] = completions.Sum(c => c.NegativeLogProbSum) / tokens,
            ["policy/staleness"] = trained.Count == 0 ? 0
                : trained.Max(t => policyVersion - Math.Min(t.Chosen.PolicyVersion, t.Rejected.PolicyVersion)),
        };
        if (rewards.Count > 0)
            figures["rewards/mean"] = rewards.Average();
        return figures;
    }

    /// <summary>How good the judge is on the policy's own samples, of which held-out pairs say nothing. It is logged, and training never
    /// learns of it.</summary>
    /// <param name="trained">On prompts of the built-in world; of others there is nothing to say.</param>
    internal static IEnumerable<KeyValuePair<string, double>> AsTheOracleSees(IReadOnlyList<Triplet> trained)
    {
        var outcomes = new List<double>(trained.Count);
        foreach (var triplet in trained)
            if (WorldPrompts.Find(triplet.Prompt) is { } prompt)
                outcomes.Add(WinRate.Compare(GoldOracle.Score(prompt, triplet.Chosen.Text).Mean,
                    GoldOracle.Score(prompt, triplet.Rejected.Text).Mean));
        var told = outcomes.Where(o => o != 0.5).ToList();
        return told.Count == 0 ? [] : [new(OracleAgreement, told.Average())];
    }
}
