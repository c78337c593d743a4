using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Runs.Stages;

/// <summary>What a model host did between two moments.</summary>
internal static class HostFigures
{
    /// <summary>Tokens that passed through a model in any role.</summary>
    public static long Tokens(HostTotals before, HostTotals after) =>
        after.SampledTokens - before.SampledTokens + after.JudgedTokens - before.JudgedTokens + after.TrainedTokens - before.TrainedTokens;

    /// <summary>Sampling speed while sampling, and the share of the time in which each role had nothing to do.</summary>
    public static IEnumerable<KeyValuePair<string, double>> Of(HostTotals before, HostTotals after, double seconds)
    {
        double sampling = after.SamplingSeconds - before.SamplingSeconds, judging = after.JudgingSeconds - before.JudgingSeconds,
            training = after.TrainingSeconds - before.TrainingSeconds;
        if (sampling > 0)
            yield return KeyValuePair.Create("rollout/tokens_per_second", (after.SampledTokens - before.SampledTokens) / sampling);
        yield return KeyValuePair.Create("idle_ratio/sampler", 1 - sampling / seconds);
        yield return KeyValuePair.Create("idle_ratio/judge", 1 - judging / seconds);
        yield return KeyValuePair.Create("idle_ratio/trainer", 1 - training / seconds);
        yield return KeyValuePair.Create("idle_ratio/device", Math.Max(0, 1 - (sampling + judging + training) / seconds));
    }
}
