using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Grains.Replicas;

/// <summary>A model of ours as a judge, on one or more hosts that have loaded it; pairs go around among them.</summary>
public sealed class ReplicaJudge(IReadOnlyList<IJudgeReplicaGrain> replicas, string model, IReadOnlyList<string> templates) : IPairJudge
{
    private int _asked = -1;

    /// <summary>A model on some hosts of a cluster, ready to be asked from anywhere in it.</summary>
    /// <param name="hosts">Those among which a model's work is shared.</param>
    public static async Task<ReplicaJudge> Open(
        JudgeSource source, IGrainFactory grains, IReadOnlyList<string> hosts, IReadOnlyList<string> templates)
    {
        foreach (var host in hosts)
            foreach (var model in source.Models)
                await grains.GetGrain<IPolicyReplicaGrain>(host).Load(model);
        return new ReplicaJudge([.. hosts.Select(h => grains.GetGrain<IJudgeReplicaGrain>(h))], source.Id, templates);
    }

    public Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation) =>
        Judge(prompt, first, second, null, cancellation);

    /// <param name="cohort">With it, the pairs of its key are one device batch of fixed composition.</param>
    public async Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, Cohort? cohort,
        CancellationToken cancellation)
    {
        var replica = replicas[(int)((uint)Interlocked.Increment(ref _asked) % (uint)replicas.Count)];
        return new PairJudgment(
            (await replica.Judge(new JudgeRequest(model, prompt, [new ResponsePair(first, second)], templates, cohort), cancellation))[0]);
    }
}
