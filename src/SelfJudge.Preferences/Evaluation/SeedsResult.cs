using System.Text.Json;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Evaluation;

/// <summary>The same run of the built-in world over several seeds: means with Student's 95 % intervals over the seeds; the content of
/// <c>seeds.json</c>.</summary>
public sealed record SeedsResult(IReadOnlyList<ulong> Seeds, Estimate TotalSeconds, Estimate? JudgeAccuracy,
    IReadOnlyList<SeedsPolicyResult> Policies)
{
    private static readonly JsonSerializerOptions Json =
        new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static SeedsResult Of(IReadOnlyList<RunResult> runs) => new(
        [.. runs.Select(r => r.Seed)],
        Estimate.OfFew([.. runs.Select(r => r.TotalSeconds)]),
        runs.All(r => r.JudgeAccuracy is not null) ? Estimate.OfFew([.. runs.Select(r => r.JudgeAccuracy!.Value)]) : null,
        [.. runs[0].Policies.Select((p, i) =>
            new SeedsPolicyResult(p.Name, Mean(runs, i, q => q.GoldMean!.Value), Mean(runs, i, q => q.WinRate),
                Mean(runs, i, q => q.MeanLength), Mean(runs, i, q => q.Repetition)))]);

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    private static Estimate Mean(IReadOnlyList<RunResult> runs, int policy, Func<PolicyResult, double> figure) =>
        Estimate.OfFew([.. runs.Select(r => figure(r.Policies[policy]))]);
}

/// <summary>One policy over several seeds.</summary>
public sealed record SeedsPolicyResult(string Name, Estimate GoldMean, Estimate WinRate, Estimate MeanLength, Estimate Repetition);
