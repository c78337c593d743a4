using SelfJudge.Abstractions;
using SelfJudge.Grains.Replicas;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;
using SelfJudge.World;

namespace SelfJudge.Grains.Runs;

/// <summary>Win rates of a run's policies against its baseline, by the judge that its recipe names.</summary>
internal sealed class RunComparison(string runId, RunRequest request, Recipe recipe, EvaluationJudge judge, IReadOnlyList<IReadOnlyList<Turn>> prompts, PolicyScores baseline, IGrainFactory grains) : IDisposable
{
    private readonly Dictionary<PolicyScores, Estimate> _known = new() { [baseline] = new Estimate(0.5, 0.5, 0.5) };
    private readonly List<PairJudgment> _judgments = [];
    private readonly InconsistentPairs _inconsistent = recipe.Evaluation!.Inconsistent;
    private ReplicaJudge? _replica;
    private readonly ChatJudge? _chat = judge.Endpoint is { } endpoint ? ChatEndpoint.Judge(endpoint) : null;

    /// <summary>The win rate of a policy; of the same answers it is asked for once.</summary>
    public async Task<Estimate> WinRateOf(PolicyScores policy)
    {
        if (judge.IsOracle)
            return WinRate.Of(policy.Gold, baseline.Gold);
        if (_known.TryGetValue(policy, out var known))
            return known;
        List<PairJudgment> judgments = [.. (await (_chat is null ? JudgeByModel(policy) : JudgeByEndpoint(_chat, policy))).Select(j => j.Under(_inconsistent))];
        _judgments.AddRange(judgments);
        return _known[policy] = ComparisonSummary.Of(judgments, 0) is { WinRate: { } rate, WinRateCi95: { } interval } ? new Estimate(rate, interval[0], interval[1])
            : throw new InvalidDataException($"{judge.Description} names neither response in any of its answers, such as '{judgments.SelectMany(j => j.Unreadable).FirstOrDefault()}'");
    }

    /// <summary>The judge, and what its verdicts so far say of it.</summary>
    public EvaluationJudgeResult Judge()
    {
        var summary = ComparisonSummary.Of(_judgments, 0);
        return new EvaluationJudgeResult(judge.Name, judge.Description, judge.IsIndependent, _judgments.Count(j => j.Verdict is { Judgments.Count: > 0 }), summary.SwapConsistency, summary.PositionBias, summary.JudgeMass,
            summary.InconsistentRate, summary.InconsistentRate is null ? null : _inconsistent);
    }

    public void Dispose() => _chat?.Dispose();

    private async Task<IReadOnlyList<PairJudgment>> JudgeByModel(PolicyScores policy)
    {
        var replica = _replica ??= await Load();
        return await Task.WhenAll(prompts.Select((prompt, i) => replica.Judge(prompt, policy.Answers[i], baseline.Answers[i],
            recipe.Deterministic ? new BatchMembership($"{runId}//evaluation/judge/{policy.Name}", prompts.Count, i) : null, CancellationToken.None)));
    }

    // After one failure nobody waits for what other requests come to.
    private async Task<IReadOnlyList<PairJudgment>> JudgeByEndpoint(ChatJudge chat, PolicyScores policy)
    {
        using var abandon = new CancellationTokenSource();
        var judging = prompts.Select((prompt, i) => chat.Judge(prompt, policy.Answers[i], baseline.Answers[i], abandon.Token)).ToList();
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

    private async Task<ReplicaJudge> Load()
    {
        var loaded = await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, judge.Folder is null ? judge.Stage : RunEvaluation.StageOf(baseline.Name));
        var model = judge.Folder is null ? loaded.Id : await LoadFolder(loaded.Host, judge.Folder);
        return new ReplicaJudge([grains.GetGrain<IJudgeReplicaGrain>(loaded.Host)], model, recipe.Judge.Templates);
    }

    // Under the run's name, so that it is freed with the run's own models.
    private async Task<string> LoadFolder(string host, string folder)
    {
        var (id, baseId) = ($"{runId}//evaluation/judge", $"{runId}//evaluation/judge-base");
        var replica = grains.GetGrain<IPolicyReplicaGrain>(host);
        if (AdapterFolder.IsAdapter(folder))
            await replica.Load(new ModelReference(baseId, AdapterFolder.ReadConfig(folder).BaseModel, null, null, recipe.Model.DialogueTemplate));
        await replica.Load(new ModelReference(id, folder, null, AdapterFolder.IsAdapter(folder) ? baseId : null, recipe.Model.DialogueTemplate));
        return id;
    }
}
