using Orleans.Concurrency;
using Orleans.Placement;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Sampling;

namespace SelfJudge.Grains.Replicas;

/// <summary>The sampling face of its silo's model host. Calls interleave, so that many prompts' requests reach the host together.</summary>
[Reentrant, OnModelHost(byKey: true), Immovable, GrainType("policy-replica")]
public sealed class PolicyReplicaGrain(IModelHost host) : Grain, IPolicyReplicaGrain
{
    public Task Load(ModelReference model) => host.LoadAsync(model.Id, model.ToSource(), CancellationToken.None);

    public async Task<SampleResponse> Sample(SampleRequest request, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(request.Model);
        var prompt = encoder.EncodePrompt(request.Turns.ToTurns());
        var sampled = await HostCalls.WithBackOff(() => host.SampleAsync(request.Model, new SamplePrompt(prompt, request.Seeds, request.Sampling.ToOptions()), request.Batch.ToCohort(), cancellation), cancellation);
        return new SampleResponse(prompt, [.. sampled.Select(s => new Completion(s.Ids, s.LogProbs, s.Finish, s.Seed, s.PolicyVersion, encoder.Tokenizer.Decode(s.Ids)))]);
    }
}
