using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Runs.Judging;

/// <summary>A judge measured on held-out pairs.</summary>
/// <param name="Figures">By the names under which they are logged.</param>
/// <param name="Correct">Pair by pair: 1 where it prefers the better response, 0 where the other, one half where neither.</param>
internal sealed record MeasuredJudge(IReadOnlyDictionary<string, double> Figures, IReadOnlyList<double> Correct);

/// <summary>Figures of a judge by the names under which they are logged.</summary>
internal static class JudgeMetrics
{
    /// <summary>What the figures of single principles are called, before the principle's name.</summary>
    public const string AccuracyOf = "judge/accuracy/";

    /// <summary>Accuracy on pairs whose better response is known (an exact tie counts one half), and the judge's health.</summary>
    public static async Task<MeasuredJudge> Measure(IModelHost host, string model, IReadOnlyList<PreferenceExample> pairs,
        IReadOnlyList<JudgeTemplate> templates)
    {
        return Of(await HostJudge.Verdicts(host, model, [.. pairs.Select(p => new Comparison(p.Prompt, p.Chosen, p.Rejected))], templates,
            null, CancellationToken.None));
    }

    /// <summary>The same of a judge that is no model of ours; where it names neither response, that counts one half too.</summary>
    public static async Task<MeasuredJudge> Measure(IPairJudge judge, IReadOnlyList<PreferenceExample> pairs) =>
        Of([.. (await Task.WhenAll(pairs.Select(p => judge.Judge(p.Prompt, p.Chosen, p.Rejected, CancellationToken.None))))
            .Select(j => j.Verdict ?? Verdict.Unreadable)]);

    private static MeasuredJudge Of(IReadOnlyList<Verdict> verdicts)
    {
        var correct = verdicts.Select(v => v.Winner switch { 1 => 1.0, 2 => 0.0, _ => 0.5 }).ToList();
        return new MeasuredJudge(new Dictionary<string, double>(Health(verdicts)) { ["judge/accuracy"] = correct.Average() }, correct);
    }

    /// <summary>Accuracy of a reward model on pairs whose better response is known (an exact tie counts one half). It sees one response at
    /// a time and has no order to be biased by.</summary>
    public static async Task<MeasuredJudge> MeasureRewards(IModelHost host, string model, IReadOnlyList<PreferenceExample> pairs)
    {
        var encoder = host.EncoderOf(model);
        var sequences = pairs.Select(p => ExampleBuilder.Pair(encoder, p))
            .SelectMany(p => new[] { new ResponseSequence(p.Prompt, p.Chosen), new ResponseSequence(p.Prompt, p.Rejected) }).ToList();
        var rewards = await HostCalls.WithBackOff(host.Time, () =>
            host.RewardsAsync(model, sequences, null, CancellationToken.None), CancellationToken.None);
        var margins = rewards.Chunk(2).Select(r => r[0] - r[1]).ToList();
        var correct = margins.Select(m => m > 0 ? 1.0 : m < 0 ? 0.0 : 0.5).ToList();
        return new MeasuredJudge(new Dictionary<string, double>
        {
            ["judge/accuracy"] = correct.Average(),
            ["judge/swap_consistency"] = 1,
            ["judge/position_bias"] = 0,
            ["judge/tie_rate"] = margins.Average(m => m == 0 ? 1.0 : 0.0),
            ["judge/ab_mass"] = 1,
        }, correct);
    }

    /// <summary>Accuracy of the templates of each principle on that principle's own pairs, by principle; of principles without pairs
    /// nothing is said.</summary>
    /// <param name="pairsFor">The pairs of a principle.</param>
    public static async Task<IReadOnlyDictionary<string, double>> MeasureByPrinciple(IModelHost host, string model,
        Func<string, IReadOnlyList<PreferenceExample>> pairsFor, IReadOnlyList<JudgeTemplate> templates)
    {
        var figures = new Dictionary<string, double>();
        foreach (var principle in templates.Where(t => t.Principle is not null).GroupBy(t => t.Principle!))
            if (pairsFor(principle.Key) is { Count: > 0 } pairs)
                figures[AccuracyOf + principle.Key] = (await Measure(host, model, pairs, [.. principle])).Figures["judge/accuracy"];
        return figures;
    }

    public static IReadOnlyDictionary<string, double> Health(IEnumerable<Verdict> verdicts)
    {
        var health = JudgeHealth.Of(verdicts);
        return new Dictionary<string, double>
        {
            ["judge/swap_consistency"] = health.SwapConsistency,
            ["judge/position_bias"] = health.PositionBias,
            ["judge/tie_rate"] = health.TieRate,
            ["judge/ab_mass"] = health.JudgeMass,
        };
    }
}
