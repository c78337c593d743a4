using Orleans.Concurrency;
using Orleans.Placement;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Grains.Replicas;

/// <summary>The judging face of its silo's model host, and of the judges that are no models on it. Calls interleave, so that many
/// tournaments' rounds reach the host together.</summary>
[Reentrant, OnModelHost(byKey: true), Immovable, GrainType("judge-replica")]
public sealed class JudgeReplicaGrain(IModelHost host, ChatJudges chats) : Grain, IJudgeReplicaGrain
{
    public async Task<IReadOnlyList<Verdict>> Judge(JudgeRequest request, CancellationToken cancellation)
    {
        var turns = request.Turns;
        // An answer that names neither response prefers neither.
        if (chats.Find(request.Model) is { } external)
            return [.. (await Task.WhenAll(request.Pairs.Select(p => external.Judge(turns, p.First, p.Second, cancellation))))
                .Select(j => j.Verdict ?? Verdict.Unreadable)];
        return await HostJudge.Verdicts(host, request.Model, [.. request.Pairs.Select(p => new Comparison(turns, p.First, p.Second))],
            [.. request.Templates.Select(JudgeTemplate.ByName)], request.Cohort, cancellation);
    }

    public async Task<IReadOnlyList<double>> Reward(RewardRequest request, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(request.Model);
        var turns = request.Turns;
        // Decoded and encoded again, a special token that was sampled is gone.
        var asSampled = request.Tokenizer == encoder.Tokenizer.Fingerprint;
        var sequences = request.Responses.Select(r =>
        {
            var response = asSampled ? r.Ids : r.IsComplete ? encoder.EncodeAnswer(r.Text) : encoder.Tokenizer.Encode(r.Text);
            var prompt = asSampled && request.PromptIds.Length + response.Length <= encoder.MaxLength ? request.PromptIds
                : encoder.EncodePrompt(turns, response.Length);
            return new ResponseSequence(prompt, response[..Math.Min(response.Length, encoder.MaxLength - prompt.Length)]);
        }).ToList();
        return await HostCalls.WithBackOff(host.Time, () =>
            host.RewardsAsync(request.Model, sequences, request.Cohort, cancellation), cancellation);
    }
}
