using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Logs;

namespace SelfJudge.Runs.Reporting;

/// <summary>What a run's figures say of the stages that learn from their own samples: each against where a healthy one lies.</summary>
internal static class RunHealth
{
    // A trend needs a beginning and an end: the first and the last quarter of the steps.
    private const int FewestSteps = 4, Quarters = 4;

    private const double MostIdentical = 1 / 3.0, MostFall = 0.25, LeastEntropy = 0.5, LeastLearned = 0.5;

    public static IReadOnlyList<HealthValue> Of(Recipe recipe, IReadOnlyList<JudgeCheckResult> checks, IReadOnlyList<MetricsRow> metrics) =>
        [.. recipe.Stages.Where(s => s.Spec.IsRollout)
            .SelectMany(stage =>
            Of(stage, recipe.Judge.GateSwapConsistency, checks.FirstOrDefault(c => c.Stage == stage.Name),
            [.. metrics.Where(m => m.Stage == stage.Name)]))];

    private static IEnumerable<HealthValue> Of(StageRecipe stage, double swapConsistency, JudgeCheckResult? check,
        IReadOnlyList<MetricsRow> rows)
    {
        if (check is not null)
        {
            yield return Value("judge accuracy before training, lower end of its 95 % interval", check.AccuracyCi95[0], "above 0.5", v =>
                v > 0.5);
            yield return Value("judge swap consistency before training", check.SwapConsistency, $"at least {swapConsistency:0.###}", v =>
                v >= swapConsistency);
        }
        // What is rewarded alone is compared with nothing of its own kind.
        if (!stage.Spec.IsRewarded)
        {
            if (Ends("judge/swap_consistency") is { } consistency)
                yield return Value("swap consistency of verdicts at the end", consistency.Last, $"at least {swapConsistency:0.###}", v =>
                    v >= swapConsistency);
            if (Ends("completions/identical_ratio") is { } identical)
                yield return Value("identical samples at the end, share of pairs", identical.Last, $"at most {MostIdentical:0.000}", v =>
                    v <= MostIdentical);
            // Where samples are identical, or the judge's orders disagree and must agree, a step has nothing to learn from.
            if (rows.Count > 0)
                yield return Value("steps that had a pair to learn from, share", rows.Average(r => r.Values.ContainsKey("loss") ? 1.0 : 0),
                    $"at least {LeastLearned:0.###}", v => v >= LeastLearned);
        }
        if (Ends("rewards/margins") is { IsTrend: true } margin)
            yield return Value("reward margin, chosen − rejected, rise", margin.Last - margin.First, "above 0", v => v > 0);
        if (Ends("logps/chosen") is { IsTrend: true } chosen)
            yield return Value("log-probability of chosen responses, fall as a share of it",
                (chosen.First - chosen.Last) / Math.Abs(chosen.First), $"at most {MostFall:0.###}", v => v <= MostFall);
        if (Ends("objective/entropy") is { IsTrend: true } entropy)
            yield return Value("entropy of the policy, share of what it was that is left", entropy.Last / entropy.First,
                $"at least {LeastEntropy:0.###}", v => v >= LeastEntropy);

        HealthValue Value(string measure, double value, string healthy, Func<double, bool> isHealthy) =>
            new(stage.Name, measure, value, healthy, isHealthy(value));

        (double First, double Last, bool IsTrend)? Ends(string metric)
        {
            var values = rows.Where(r => r.Values.ContainsKey(metric)).Select(r => r.Values[metric]).ToList();
            var quarter = Math.Max(1, values.Count / Quarters);
            return values.Count == 0 ? null : (values.Take(quarter).Average(), values.TakeLast(quarter).Average(),
                values.Count >= FewestSteps);
        }
    }
}
