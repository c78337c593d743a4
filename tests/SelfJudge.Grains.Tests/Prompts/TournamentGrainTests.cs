using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Modeling.Hosting;
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
        await Play(cluster, ["cat", "cat", "cat", "cat"], batchKey: "batch/judge");
        Assert.Equal([new JudgeCall("judge", 0, new Cohort("batch/judge/round-0", 7, 3)),
            new JudgeCall("judge", 0, new Cohort("batch/judge/round-1", 7, 3))], cluster.Host.Judged.Items);
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

    private static Task<Preferences.Tournaments.Bracket> Play(GrainCluster cluster, IReadOnlyList<string> responses,
        string? batchKey = null, string template = "world") =>
        cluster.Grains.GetGrain<ITournamentGrain>("t")
            .Play(new TournamentRequest("fake", "judge", TestRequests.Turns, responses, [template], 3, batchKey, 7, 3), default);
}
