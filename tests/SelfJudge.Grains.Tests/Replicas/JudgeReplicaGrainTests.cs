using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Grains.Tests.Replicas;

public sealed class JudgeReplicaGrainTests
{
    /// <summary>A completion in whose middle a special token was sampled, which its text does not show.</summary>
    [Fact]
    public async Task A_reward_model_of_the_policys_tokenizer_reads_the_tokens_that_were_sampled()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Load("policy");
        cluster.Host.Load("rm");
        var tokenizer = cluster.Host.EncoderOf("rm").Tokenizer;
        int[] words = tokenizer.Encode("the cat"), sampled = [words[0], tokenizer.SpecialTokens["<user>"], words[1], tokenizer.EosToken],
            prompt = [5, 6, 7];
        var request = new RewardRequest("rm", TestRequests.Turns, [new RewardCandidate(tokenizer.Decode(sampled), true, sampled)], null,
            prompt, tokenizer.Fingerprint);

        await cluster.Grains.GetGrain<IJudgeReplicaGrain>("fake").Reward(request, default);
        var asSampled = Assert.Single(cluster.Host.Rewarded.Items[0]);
        Assert.Equal(prompt, asSampled.Prompt);
        Assert.Equal(sampled, asSampled.Response);

        await cluster.Grains.GetGrain<IJudgeReplicaGrain>("fake").Reward(request with { Tokenizer = "another's" }, default);
        var asText = Assert.Single(cluster.Host.Rewarded.Items[1]);
        Assert.Equal([.. words, tokenizer.EosToken], asText.Response);
        Assert.Equal(cluster.Host.EncoderOf("rm").EncodePrompt([new Turn(Role.User, "what is the opposite of hot ?")]), asText.Prompt);
    }
}
