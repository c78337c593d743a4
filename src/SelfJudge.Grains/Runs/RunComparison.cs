using SelfJudge.Abstractions;
using SelfJudge.Grains.Replicas;
using SelfJudge.Grains.Training;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.World;

namespace SelfJudge.Grains.Runs;

/// <summary>Win rates of a run's policies against its baseline, by the judge that its recipe names.</summary>
internal sealed class RunComparison(string runId, RunRequest request, Recipe recipe, EvaluationJudge judge,
    IReadOnlyList<IReadOnlyList<Turn>> prompts, PolicyScores baseline, IGrainFactory grains) : IDisposable
{
    private readonly Dictionary<PolicyScores, Estimate> _known = new() { [baseline] = new Estimate(0.5, 0.5, 0.5) };
    private readonly List<PairJudgment> _judgments = [];
    private readonly InconsistentPairs _inconsistent = recipe.Evaluation!.Inconsistent;
    private IPairJudge? _opened;

    /// <summary>The win rate of a policy; of the same answers it is asked for once.</summary>
    public async Task<Estimate> WinRateOf(PolicyScores policy)
    {
        if (judge.IsOracle)
            return WinRate.Of(policy.Gold, baseline.Gold);
        if (_known.TryGetValue(policy, out var known))
            return known;
        List<PairJudgment> judgments = [.. (await Judge(policy)).Select(j => j.Under(_inconsistent))];
        _judgments.AddRange(judgments);
        return _known[policy] = ComparisonSummary.Of(judgments, 0) is { WinRate: { } rate, WinRateCi95: { } interval }
            ? new Estimate(rate, interval[0], interval[1])
            : throw new InvalidDataException(
                $"{judge.Description} names neither response in any of its answers, such as "
                + $"'{judgments.SelectMany(j => j.Unreadable).FirstOrDefault()}'");
    }

    /// <summary>The judge, and what its verdicts so far say of it.</summary>
    public EvaluationJudgeResult Judge()
    {
        var summary = ComparisonSummary.Of(_judgments, 0);
        return new EvaluationJudgeResult(judge.Name, judge.Description, judge.IsIndependent,
            _judgments.Count(j => j.Verdict is { Judgments.Count: > 0 }), summary.SwapConsistency, summary.PositionBias, summary.JudgeMass,
            summary.InconsistentRate, summary.InconsistentRate is null ? null : _inconsistent);
    }

    public void Dispose() => (_opened as IDisposable)?.Dispose();

    // After one failure nobody waits for what other requests come to.
    private async Task<IReadOnlyList<PairJudgment>> Judge(PolicyScores policy)
    {
        var opened = _opened ??= await Open();
        using var abandon = new CancellationTokenSource();
        var batch = $"{runId}//evaluation/judge/{policy.Name}";
        var judging = prompts.Select((prompt, i) => opened is ReplicaJudge model && recipe.Deterministic
            ? model.Judge(prompt, policy.Answers[i], baseline.Answers[i], new Cohort(batch, prompts.Count, i), abandon.Token)
            : opened.Judge(prompt, policy.Answers[i], baseline.Answers[i], abandon.Token)).ToList();
        try
        {
            await FirstFailure.OrAll(judging);
        }
        catch
        {
            await abandon.CancelAsync();
            throw;
        }
        return await Task.WhenAll(judging);
    }

    private async Task<IPairJudge> Open()
    {
        var source = JudgeCatalog.Of(judge.Judge, runId, recipe, new RunFolder(request.Folder));
        if (JudgeCatalog.OpenExternal(source) is { } external)
            return external;
        // The run's models are on the host of its trainer, which looks at what stages have left before it loads it.
        var stage = judge.Judge switch { JudgeRef.Stage own => own.Of, JudgeRef.Start => null, _ => RunEvaluation.StageOf(baseline.Name) };
        var loaded = await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, stage);
        return await ReplicaJudge.Open(source, grains, [loaded.Host], recipe.Judge.Templates);
    }
}
