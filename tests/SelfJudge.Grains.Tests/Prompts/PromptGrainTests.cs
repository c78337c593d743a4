using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Prompts;

public sealed partial class PromptGrainTests
{
    private static readonly PromptGrainOptions Impatient = new() { ResendAfter = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task Samples_one_completion_per_seed_and_the_longest_wins_the_bracket()
    {
        await using var cluster = await Start();
        var outcome = await Prompt(cluster).Play(TestRequests.Prompt(samples: 5, seed: 9), default);
        var call = Assert.Single(cluster.Host.Sampled.Items);
        var expected = Enumerable.Range(0, 5).Select(i => cluster.Host.Complete(call.Prompt, Seeds.Derive(9, i), 0)).ToList();
        Assert.Equal(expected.Select(e => e.Seed), outcome.Completions.Select(c => c.Seed));
        Assert.Equal(expected.Select(e => string.Join(' ', e.Ids)), outcome.Completions.Select(c => string.Join(' ', c.Ids)));
        Assert.Equal(expected.Select(e => cluster.Host.EncoderOf("policy").Tokenizer.Decode(e.Ids)),
            outcome.Completions.Select(c => c.Text));
        Assert.Equal(4, outcome.Bracket.Matches.Count);
        Assert.Equal(Bracket.Of(5, Seeds.Derive(9, "bracket")).Seeding, outcome.Bracket.Seeding);
        Assert.Equal(expected.Max(e => e.Ids.Length), outcome.Champion.Ids.Length);
    }

    [Fact]
    public async Task Played_again_it_returns_the_first_outcome_without_sampling_and_sends_its_triplets_again()
    {
        await using var cluster = await Start();
        var first = await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        var second = await Prompt(cluster).Play(TestRequests.Prompt(seed: 77, training: TestRequests.Training()), default);
        Assert.Equal(first.Completions.Select(c => c.Seed), second.Completions.Select(c => c.Seed));
        Assert.Equal(first.Bracket.Champion, second.Bracket.Champion);
        Assert.Single(cluster.Host.Sampled.Items);
        Assert.Equal(2, cluster.Calls.Sends("p"));
    }

    [Fact]
    public async Task Two_calls_at_once_sample_once()
    {
        await using var cluster = await Start();
        var gate = new Gate();
        cluster.Host.OnSample = _ => gate.Pass();
        var first = Prompt(cluster).Play(TestRequests.Prompt(), default);
        await gate.Reached;
        var second = Prompt(cluster).Play(TestRequests.Prompt(), default);
        await cluster.Calls.Begun.Until(calls => calls.Count(c => c == (nameof(IPromptGrain.Play), "p")) == 2);
        gate.Open();
        Assert.Equal((await first).Bracket.Champion, (await second).Bracket.Champion);
        Assert.Single(cluster.Host.Sampled.Items);
    }

    [Fact]
    public async Task Who_asks_second_is_answered_though_the_first_gives_up()
    {
        await using var cluster = await Start();
        var gate = new Gate();
        cluster.Host.OnSample = call => call.Number == 1 ? gate.Pass() : Task.CompletedTask;
        using var givesUp = new CancellationTokenSource();
        var first = Prompt(cluster).Play(TestRequests.Prompt(), givesUp.Token);
        await gate.Reached;
        var second = Prompt(cluster).Play(TestRequests.Prompt(), default);
        await cluster.Calls.Begun.Until(calls => calls.Count(c => c == (nameof(IPromptGrain.Play), "p")) == 2);
        await givesUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(4, (await second).Completions.Count);
        Assert.Equal(2, cluster.Host.Sampled.Items.Count);
        gate.Open();
    }

    [Fact]
    public async Task Triplets_come_in_the_order_of_the_matches_with_their_lineage()
    {
        await using var cluster = await Start();
        cluster.Host.Load("policy", version: 3);
        var outcome = await Prompt(cluster)
            .Play(TestRequests.Prompt(samples: 6, seed: 5, training: TestRequests.Training(step: 4, version: 3)), default);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.Equal(("run", "Self-Judge", 4, 0, "p"), (batch.RunId, batch.Stage, batch.Step, batch.PromptIndex, batch.PromptGrain));
        var decided = outcome.Bracket.Matches.Index().Where(m => m.Item.Verdict.Winner != 0).ToList();
        Assert.True(decided.Count >= 3);
        Assert.Equal(decided.Select(m => m.Index), batch.Triplets.Select(t => t.Match));
        Assert.Equal(decided.Select(m => outcome.Completions[m.Item.Winner].Seed), batch.Triplets.Select(t => t.Chosen.Seed));
        Assert.Equal(decided.Select(m => outcome.Completions[m.Item.Loser].Seed), batch.Triplets.Select(t => t.Rejected.Seed));
        Assert.All(batch.Triplets, t =>
        {
            Assert.True(t.Chosen.Ids.Length > t.Rejected.Ids.Length);
            Assert.Equal(0.7, t.ChosenScore, 12);
            Assert.Equal(0.1, t.RejectedScore, 12);
            Assert.True(t.OrdersAgree);
            Assert.Equal(3, t.Chosen.PolicyVersion);
            Assert.Equal("what is the opposite of hot ?", t.Prompt);
            Assert.Equal(cluster.Host.Sampled.Items[0].Prompt, t.PromptIds);
        });
        var lengths = outcome.Completions.Select(c => c.Ids.Length).ToList();
        Assert.Equal(new CompletionSummary(6, lengths.Sum(), lengths.Min(), lengths.Max(), 6, lengths.Sum() * 0.5), batch.Completions);
    }

    [Theory]
    [InlineData(TripletPattern.Final)]
    [InlineData(TripletPattern.ChampionAgainstLosers)]
    public async Task The_pattern_decides_which_matches_become_triplets(TripletPattern pattern)
    {
        await using var cluster = await Start();
        cluster.Host.Length = seed => Enumerable.Range(0, 4).Single(i => Seeds.Derive(1, i) == seed) + 1;
        var outcome = await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training(pattern: pattern)), default);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.Equal(3, outcome.Bracket.Champion);
        Assert.Equal(pattern == TripletPattern.Final ? 1 : 2, batch.Triplets.Count);
        Assert.All(batch.Triplets, t => Assert.Equal(Seeds.Derive(1, 3), t.Chosen.Seed));
        Assert.Equal(2, batch.Triplets[^1].Match);
    }

    [Fact]
    public async Task Identical_completions_are_not_judged_and_make_no_triplet()
    {
        await using var cluster = await Start();
        cluster.Host.Length = _ => 0;
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.Empty(batch.Triplets);
        Assert.Empty(batch.Verdicts);
        Assert.Equal(3, batch.Identical);
        Assert.Empty(cluster.Host.Judged.Items);
    }

    [Fact]
    public async Task Stale_completions_are_sampled_again_by_the_same_seeds_outside_the_batch()
    {
        await using var cluster = await Start();
        cluster.Host.VersionOfSample = (call, _) => call.Number == 1 ? 1 : 2;
        var outcome = await Prompt(cluster)
            .Play(TestRequests.Prompt(cohort: new Cohort("batch", 1, 0), training: TestRequests.Training(version: 2)),
            default);
        Assert.Equal(2, cluster.Host.Sampled.Items.Count);
        Assert.Equal([new Cohort("batch/sample", 1, 0), null], cluster.Host.Sampled.Items.Select(c => c.Cohort));
        Assert.Equal(cluster.Host.Sampled.Items[0].Seeds, cluster.Host.Sampled.Items[1].Seeds);
        Assert.All(outcome.Completions, c => Assert.Equal(2, c.PolicyVersion));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 3)]
    [InlineData(2, 1)]
    [InlineData(null, 1)]
    public async Task Completions_that_stay_stale_are_handed_on_after_the_last_attempt(int? allowed, int calls)
    {
        await using var cluster = await Start();
        cluster.Host.VersionOfSample = (_, _) => 5;
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training(version: 7, maxStaleness: allowed)), default);
        Assert.Equal(calls, cluster.Host.Sampled.Items.Count);
        var batch = Assert.Single(await cluster.Streamed.Until(b => b.Count == 1));
        Assert.All(batch.Triplets, t => Assert.Equal(5, t.Chosen.PolicyVersion));
    }

    [Fact]
    public async Task Triplets_are_sent_again_until_they_are_acknowledged_and_then_no_more()
    {
        await using var cluster = await Start(Impatient);
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        var sent = await cluster.Streamed.Until(b => b.Count >= 4);
        Assert.All(sent, b => Assert.Equal(sent[0].Triplets.Select(t => t.Chosen.Seed), b.Triplets.Select(t => t.Chosen.Seed)));
        await Prompt(cluster).Acknowledge(1, TestRuns.Epoch);
        Assert.True(await SendsNoMore(cluster, "p"));
    }

    [Fact]
    public async Task Triplets_of_a_step_are_kept_while_the_next_one_is_played_until_they_are_acknowledged()
    {
        await using var cluster = await Start(Impatient);
        await Prompt(cluster).Play(TestRequests.Prompt(seed: 1, training: TestRequests.Training(step: 1)), default);
        await Prompt(cluster).Play(TestRequests.Prompt(seed: 2, training: TestRequests.Training(step: 2)), default);
        var since = cluster.Streamed.Items.Count;
        await cluster.Streamed.Until(b => b.Skip(since).Count(s => s.Step == 1) >= 2 && b.Skip(since).Count(s => s.Step == 2) >= 2);
        foreach (var batch in cluster.Streamed.Items)
            Assert.Contains(batch.Triplets[0].Chosen.Seed, Enumerable.Range(0, 4).Select(i => Seeds.Derive((ulong)batch.Step, i)));
        await Prompt(cluster).Acknowledge(1, TestRuns.Epoch);
        since = cluster.Streamed.Items.Count;
        await cluster.Streamed.Until(b => b.Skip(since).Count(s => s.Step == 2) >= 3);
        Assert.True(cluster.Streamed.Items.Skip(since).Count(s => s.Step == 1) <= 1); // one may have been on its way
        await Prompt(cluster).Acknowledge(2, TestRuns.Epoch);
        Assert.True(await SendsNoMore(cluster, "p"));
    }

    [Fact]
    public async Task What_a_later_epoch_asks_for_is_played_anew_and_what_an_earlier_one_asked_for_is_sent_no_more()
    {
        await using var cluster = await Start(Impatient);
        TripletRequest Training(int step, long epoch) => TestRequests.Training(step: step, epoch: epoch);
        await Prompt(cluster).Play(TestRequests.Prompt(seed: 1, training: Training(step: 1, epoch: 2)), default);
        await Prompt(cluster).Play(TestRequests.Prompt(seed: 1, training: Training(step: 2, epoch: 2)), default);
        var anew = await Prompt(cluster).Play(TestRequests.Prompt(seed: 5, training: Training(step: 1, epoch: 3)), default);
        Assert.Equal(Enumerable.Range(0, 4).Select(i => Seeds.Derive(5, i)), anew.Completions.Select(c => c.Seed));
        // One of each step may have been on its way.
        var sent = (await cluster.Streamed.Until(b => b.Count(s => s.Epoch == 3) >= 5)).SkipWhile(b => b.Epoch == 2).ToList();
        Assert.True(sent.Count(b => b.Epoch == 2) <= 2);
        Assert.All(sent.Where(b => b.Epoch == 3), b => Assert.Equal(anew.Champion.Seed, b.Triplets[^1].Chosen.Seed));
    }

    [Fact]
    public async Task An_earlier_epochs_acknowledgement_leaves_what_a_later_one_asked_for()
    {
        await using var cluster = await Start(Impatient);
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training(epoch: 3)), default);
        await Prompt(cluster).Acknowledge(1, 2);
        var since = cluster.Streamed.Items.Count;
        await cluster.Streamed.Until(b => b.Skip(since).Count() >= 3);
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training(epoch: 3)), default);
        Assert.Single(cluster.Host.Sampled.Items);
        await Prompt(cluster).Acknowledge(1, 3);
        Assert.True(await SendsNoMore(cluster, "p"));
    }

    [Fact]
    public async Task A_prompt_gives_up_on_a_trainer_that_never_answers()
    {
        await using var cluster = await Start(Impatient with { ResendLimit = 3 });
        await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        await cluster.Silos.WaitForDeactivationAsync(Prompt(cluster));
        Assert.Equal(4, cluster.Calls.Sends("p"));
    }

    [Fact]
    public async Task An_acknowledged_prompt_that_is_called_again_plays_anew_and_samples_the_same()
    {
        await using var cluster = await Start();
        var first = await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        await Prompt(cluster).Acknowledge(1, TestRuns.Epoch);
        var second = await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        Assert.Equal(first.Completions.Select(c => string.Join(' ', c.Ids)), second.Completions.Select(c => string.Join(' ', c.Ids)));
        Assert.Equal(first.Bracket.Matches.Select(m => m.Winner), second.Bracket.Matches.Select(m => m.Winner));
        Assert.Equal(2, cluster.Host.Sampled.Items.Count);
        Assert.Equal(2, (await cluster.Streamed.Until(b => b.Count == 2)).Count);
    }

    [Fact]
    public async Task An_acknowledgement_that_overtakes_the_end_of_the_call_is_not_lost()
    {
        await using var cluster = await Start(Impatient);
        var gate = new Gate();
        cluster.Calls.AfterSend = gate.Pass;
        var play = Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        await gate.Reached;
        await Prompt(cluster).Acknowledge(1, TestRuns.Epoch);
        gate.Open();
        await play;
        Assert.True(await SendsNoMore(cluster, "p"));
    }

    [Fact]
    public async Task A_prompt_without_training_streams_nothing_and_goes()
    {
        await using var cluster = await Start(Impatient);
        await Prompt(cluster).Play(TestRequests.Prompt(), default);
        await cluster.Silos.WaitForDeactivationAsync(Prompt(cluster));
        Assert.Equal(0, cluster.Calls.Sends("p"));
    }

    [Fact]
    public async Task After_a_failure_it_can_be_played_again()
    {
        await using var cluster = await Start();
        cluster.Host.OnSample = call => call.Number == 1 ? throw new InvalidOperationException("the device is on fire")
            : Task.CompletedTask;
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default));
        Assert.Equal("the device is on fire", problem.Message);
        Assert.Equal(4, (await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default)).Completions.Count);
    }

    [Fact]
    public async Task A_cancelled_call_ends_and_can_be_made_again()
    {
        await using var cluster = await Start();
        var gate = new Gate();
        cluster.Host.OnSample = call => call.Number == 1 ? gate.Pass() : Task.CompletedTask;
        using var cancellation = new CancellationTokenSource();
        var play = Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), cancellation.Token);
        await gate.Reached;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => play);
        // The caller hears of it before the grain does.
        await cluster.Calls.Ended.Until(calls => calls.Contains((nameof(IPromptGrain.Play), "p")));
        Assert.Equal(4, (await Prompt(cluster).Play(TestRequests.Prompt(training: TestRequests.Training()), default)).Completions.Count);
    }

    [Fact]
    public async Task A_busy_host_is_asked_again()
    {
        await using var cluster = await Start();
        cluster.Host.OnSample = call => call.Number <= 2 ? throw new HostBusyException("fake", 1) : Task.CompletedTask;
        Assert.Equal(4, (await Prompt(cluster).Play(TestRequests.Prompt(), default)).Completions.Count);
        Assert.Equal(3, cluster.Host.Sampled.Items.Count);
    }

    [Fact]
    public async Task A_model_that_the_host_has_not_loaded_is_named()
    {
        await using var cluster = await Start();
        var problem = await Assert.ThrowsAsync<UnknownModelException>(() =>
            Prompt(cluster).Play(TestRequests.Prompt(model: "nobody"), default));
        Assert.Equal("model host fake has no model 'nobody'; load it first", problem.Message);
        Assert.Empty(cluster.Host.Sampled.Items);
    }

    private static async Task<GrainCluster> Start(PromptGrainOptions? options = null)
    {
        var cluster = await GrainCluster.Start(options);
        cluster.Host.Load("policy");
        return cluster;
    }

    // Another prompt's patience measures the time in which this one would have sent again.
    private static async Task<bool> SendsNoMore(GrainCluster cluster, string prompt)
    {
        var other = cluster.Grains.GetGrain<IPromptGrain>("other");
        await other.Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        await cluster.Streamed.Until(b => b.Count(s => s.PromptGrain == "other") >= 4);
        var sends = cluster.Calls.Sends(prompt); // without what was on its way
        await cluster.Streamed.Until(b => b.Count(s => s.PromptGrain == "other") >= 8);
        await other.Acknowledge(1, TestRuns.Epoch);
        return cluster.Calls.Sends(prompt) == sends;
    }

    private static IPromptGrain Prompt(GrainCluster cluster) => cluster.Grains.GetGrain<IPromptGrain>("p");
}
