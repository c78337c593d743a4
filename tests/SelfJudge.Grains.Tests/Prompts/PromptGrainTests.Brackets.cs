using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Grains.Tests.Prompts;

public sealed partial class PromptGrainTests
{
    [Fact]
    public async Task A_further_pair_is_a_triplet_with_the_lineage_of_its_own_verdict()
    {
        await using var cluster = await Start();
        cluster.Host.Length = seed => Enumerable.Range(0, 8).Single(i => Seeds.Derive(1, i) == seed) + 1;
        var outcome = await Prompt(cluster)
            .Play(TestRequests.Prompt(samples: 8, training: TestRequests.Training(pattern: TripletPattern.AllFirstLosers)), default);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.Equal((7, 3), (outcome.Bracket.Champion, outcome.Bracket.Further.Count));
        // Its own match of the first round, and three further ones.
        Assert.Equal(4, batch.Triplets.Count);
        Assert.All(batch.Triplets, t => Assert.Equal((Seeds.Derive(1, 7), 0.7), (t.Chosen.Seed, Math.Round(t.ChosenScore, 12))));
        Assert.Equal(outcome.Bracket.Matches.Where(m => m.Round == 0).Select(m => Seeds.Derive(1, m.Loser)).Order(),
            batch.Triplets.Select(t => t.Rejected.Seed).Order());
        Assert.Equal([7, 8, 9], batch.Triplets.Select(t => t.Match).Where(m => m >= 7).Order());
        Assert.Equal(10, batch.Verdicts.Count);
    }

    [Theory]
    [InlineData(PriorUnit.Sequence, 1.0, true)] // half a nat for a token, at most 1.5, against log 7 = 1.95
    [InlineData(PriorUnit.Sequence, 4.0, false)]
    [InlineData(PriorUnit.Token, 1000.0, true)] // each of its tokens is as likely as any
    public async Task The_likelihood_as_sampled_counts_in_the_bracket_and_in_the_lineage(PriorUnit per, double weight, bool longerWins)
    {
        await using var cluster = await Start();
        cluster.Host.Length = seed => Enumerable.Range(0, 4).Single(i => Seeds.Derive(1, i) == seed) + 1;
        var request = TestRequests.Prompt(training: TestRequests.Training()) with { Prior = new PriorRequest(weight, per, null) };
        var outcome = await Prompt(cluster).Play(request, default);
        Assert.Equal(longerWins ? 3 : 0, outcome.Bracket.Champion);
        // Completion i has i + 2 tokens, the last of which ends it.
        Assert.Equal(Enumerable.Range(0, 4).Select(i => -0.5 * weight * (per == PriorUnit.Token ? 1 : i + 2)), outcome.Priors);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.All(batch.Triplets, t =>
        {
            Assert.Equal(longerWins ? (0.7, 0.1) : (0.1, 0.7), (Math.Round(t.ChosenScore, 12), Math.Round(t.RejectedScore, 12)));
            Assert.Equal(per == PriorUnit.Token ? 0 : -0.5 * weight * (t.Chosen.Ids.Length - t.Rejected.Ids.Length), t.Prior);
        });
        Assert.Empty(cluster.Host.Scored.Items);
    }

    [Fact]
    public async Task The_likelihood_under_another_model_is_asked_for_by_the_ids_as_sampled()
    {
        await using var cluster = await Start();
        cluster.Host.Load("reference");
        cluster.Host.Length = seed => Enumerable.Range(0, 4).Single(i => Seeds.Derive(1, i) == seed) + 1;
        cluster.Host.LogProb = s => -2 * s.Response.Length;
        var outcome = await Prompt(cluster)
            .Play(TestRequests.Prompt() with { Prior = new PriorRequest(1, PriorUnit.Sequence, "reference") }, default);
        Assert.Equal([-4.0, -6, -8, -10], outcome.Priors);
        Assert.Equal(0, outcome.Bracket.Champion);
        var (model, responses) = Assert.Single(cluster.Host.Scored.Items);
        Assert.Equal("reference", model);
        Assert.Equal(outcome.Completions.Select(c => string.Join(' ', c.Ids)), responses.Select(r => string.Join(' ', r.Response)));
        Assert.All(responses, r => Assert.Equal(cluster.Host.Sampled.Items[0].Prompt, r.Prompt));
    }
}
