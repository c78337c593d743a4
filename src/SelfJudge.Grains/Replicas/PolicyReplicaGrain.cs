using System.Runtime.CompilerServices;
using Orleans.Concurrency;
using Orleans.Placement;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Grains.Replicas;

/// <summary>The sampling face of its silo's model host. Calls interleave, so that many prompts' requests reach the host together.</summary>
[Reentrant, OnModelHost(byKey: true), Immovable, GrainType("policy-replica")]
public sealed class PolicyReplicaGrain(IModelHost host) : Grain, IPolicyReplicaGrain
{
    public Task Load(ModelReference model) => host.LoadAsync(model.Id, model.ToSource(), CancellationToken.None);

    public async Task<SampleResponse> Sample(SampleRequest request, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(request.Model);
        var prompt = encoder.EncodePrompt(request.Turns, request.Sampling.MaxNewTokens);
        var sampled = await HostCalls.WithBackOff(host.Time, () =>
            host.SampleAsync(request.Model, new SamplePrompt(prompt, request.Seeds, request.Sampling), request.Cohort,
                cancellation), cancellation);
        return new SampleResponse(prompt,
            [.. sampled.Select(s => new Completion(s.Ids, s.LogProbs, s.Finish, s.Seed, s.PolicyVersion, encoder.Tokenizer.Decode(s.Ids)))],
            encoder.Tokenizer.Fingerprint);
    }

    public async IAsyncEnumerable<string> Stream(SampleRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(request.Model);
        var prompt = new SamplePrompt(encoder.EncodePrompt(request.Turns, request.Sampling.MaxNewTokens), request.Seeds, request.Sampling);
        var (ids, shown) = (new List<int>(), "");
        await foreach (var id in host.StreamAsync(request.Model, prompt, cancellation))
        {
            ids.Add(id);
            // Decoded whole each time: what a token reads as depends on those before it.
            var text = encoder.Tokenizer.Decode(ids);
            if (text.Length <= shown.Length || text[^1] == '\uFFFD' || !text.StartsWith(shown, StringComparison.Ordinal))
                continue;
            yield return text[shown.Length..];
            shown = text;
        }
        // What is left is no character and will not become one.
        if (encoder.Tokenizer.Decode(ids) is var whole && whole.Length > shown.Length && whole.StartsWith(shown, StringComparison.Ordinal))
            yield return whole[shown.Length..];
    }

    public async Task<LogProbsResponse> LogProbs(LogProbsRequest request, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(request.Model);
        var sequences = request.Responses.Select(r => r.Ids is { } ids ? new ResponseSequence(ids.Prompt, ids.Response)
            : request.Verbatim
            ? new ResponseSequence(encoder.Encode([new TemplatePart(string.Concat(r.Turns.Select(t => t.Content)), false)], begin: true),
                encoder.Tokenizer.Encode(r.Response))
            : new ResponseSequence(encoder.EncodePrompt(r.Turns), encoder.EncodeAnswer(r.Response))).ToList();
        var logProbs = await HostCalls.WithBackOff(host.Time, () =>
            host.LogProbsAsync(request.Model, sequences, cancellation), cancellation);
        return new LogProbsResponse([.. sequences.Zip(logProbs, (s, p) => new ResponseLogProb(p, s.Response.Length, s.Prompt.Length))],
            host.DescriptionOf(request.Model).Config.MaxPositionEmbeddings);
    }
}
