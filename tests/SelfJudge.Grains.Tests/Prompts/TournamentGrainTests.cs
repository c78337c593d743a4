using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Prompts;

public sealed class TournamentGrainTests
{
    [Fact]
    public async Task Plays_one_match_fewer_than_responses_with_one_request_per_round()
    {
        await using var cluster = await Start();
        var bracket = await Play(cluster, ["cat", "cat dog", "cat dog cat", "cat dog cat dog", "cat dog cat dog cat"]);
        Assert.Equal(4, bracket.Matches.Count);
        Assert.Equal(4, bracket.Champion);
        // Two matches, then one (and a bye), then the final; each in both orders.
        Assert.Equal([4, 2, 2], cluster.Host.Judged.Items.Select(j => j.Prompts));
        Assert.All(bracket.Matches, m => Assert.Equal(Math.Max(m.First, m.Second), m.Winner));
    }

    [Fact]
    public async Task Identical_responses_are_not_judged()
    {
        await using var cluster = await Start();
        var bracket = await Play(cluster, ["cat", "cat", "cat", "cat"]);
        Assert.Equal(3, bracket.Matches.Count);
        Assert.All(bracket.Matches, m => Assert.Empty(m.Verdict.Judgments));
        Assert.Empty(cluster.Host.Judged.Items);
    }

    [Fact]
    public async Task Every_round_of_a_batch_is_a_cohort_of_its_own_even_where_nothing_is_left_to_judge()
    {
        await using var cluster = await Start();
        await Play(cluster, ["cat", "cat", "cat", "cat"], cohort: new Cohort("batch/judge", 7, 3));
        Assert.Equal([new JudgeCall("judge", 0, new Cohort("batch/judge/round-0", 7, 3)),
            new JudgeCall("judge", 0, new Cohort("batch/judge/round-1", 7, 3))], cluster.Host.Judged.Items);
    }

    [Fact]
    public async Task What_likelihood_adds_decides_where_it_outweighs_the_judge()
    {
        await using var cluster = await Start();
        // Of two the judge prefers the longer by log 7 = 1.95.
        string[] responses = ["cat", "cat dog", "cat dog cat", "cat dog cat dog"];
        Assert.Equal(3, (await Play(cluster, responses, priors: [0, -0.6, -1.2, -1.8])).Champion);
        var bracket = await Play(cluster, responses, priors: [0, -2, -4, -6]);
        Assert.Equal(0, bracket.Champion);
        Assert.All(bracket.Matches, m =>
        {
            Assert.Equal(2.0 * (m.Second - m.First), m.Verdict.Prior);
            Assert.True(m.Verdict.IsOverruled);
            Assert.Equal((0.1, 0.7), m.Winner == m.First ? (Math.Round(m.Verdict.ScoreFirst, 12), Math.Round(m.Verdict.ScoreSecond, 12))
                : (Math.Round(m.Verdict.ScoreSecond, 12), Math.Round(m.Verdict.ScoreFirst, 12)));
        });
    }

    [Fact]
    public async Task Pairs_that_the_pattern_takes_are_judged_after_the_last_round_in_one_request()
    {
        await using var cluster = await Start();
        string[] responses = ["cat", "cat dog", "cat dog cat", "cat dog cat dog"];
        var bracket = await Play(cluster, responses, pattern: TripletPattern.AllFirstLosers);
        Assert.Equal([4, 2, 2], cluster.Host.Judged.Items.Select(j => j.Prompts));
        var further = Assert.Single(bracket.Further);
        Assert.Equal((2, 3, 3), (further.Round, further.First, further.Winner));
        Assert.Equal(3UL, bracket.Seed);
        Assert.Empty((await Play(cluster, responses)).Further);
    }

    [Fact]
    public async Task In_a_batch_every_bracket_asks_for_further_verdicts_whether_it_needs_them_or_not()
    {
        await using var cluster = await Start();
        await Play(cluster, ["cat", "cat", "cat", "cat"], cohort: new Cohort("batch/judge", 7, 3), pattern: TripletPattern.FirstLoser);
        Assert.Equal(new JudgeCall("judge", 0, new Cohort("batch/judge/round-2", 7, 3)), cluster.Host.Judged.Items[^1]);
        Assert.Equal(3, cluster.Host.Judged.Items.Count);
        // Of two completions the champion has met everyone: nothing can be left to any bracket of the batch.
        await Play(cluster, ["cat", "dog dog"], cohort: new Cohort("other/judge", 7, 3), pattern: TripletPattern.FirstLoser);
        Assert.Equal(4, cluster.Host.Judged.Items.Count);
    }

    [Fact]
    public async Task A_single_response_wins_without_a_judge()
    {
        await using var cluster = await Start();
        Assert.Equal(0, (await Play(cluster, ["cat"])).Champion);
        Assert.Empty(cluster.Host.Judged.Items);
    }

    [Fact]
    public async Task An_unknown_template_is_named()
    {
        await using var cluster = await Start();
        var problem = await Assert.ThrowsAsync<ArgumentException>(() => Play(cluster, ["cat", "dog dog"], template: "nobody's"));
        Assert.StartsWith("unknown judge template 'nobody's'; known are world", problem.Message);
    }

    private static async Task<GrainCluster> Start()
    {
        var cluster = await GrainCluster.Start();
        cluster.Host.Load("judge");
        return cluster;
    }

    private static Task<Bracket> Play(GrainCluster cluster, IReadOnlyList<string> responses, Cohort? cohort = null,
        string template = "world",
        TripletPattern pattern = TripletPattern.Final, IReadOnlyList<double>? priors = null) =>
        cluster.Grains.GetGrain<ITournamentGrain>("t")
            .Play(new TournamentRequest("fake", "judge", TestRequests.Turns, responses, [template], 3, cohort,
            Pattern: pattern, Priors: priors), default);
}
