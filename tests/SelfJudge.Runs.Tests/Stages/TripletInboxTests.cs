using CsCheck;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Runs.Stages;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class TripletInboxTests
{
    [Fact]
    public void Any_order_of_arrival_with_any_repetitions_gives_each_prompt_once_in_order() =>
        Gen.Select(Gen.Int[1, 12], Gen.Int[0, 20], Gen.ULong).Sample((prompts, repetitions, seed) =>
        {
            var random = new CounterRandom(seed);
            var arrivals = Enumerable.Range(0, prompts).Concat(Enumerable.Range(0, repetitions).Select(_ => random.Below(prompts)))
                .ToList();
            random.Shuffle(arrivals);
            var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, 0);
            var kept = arrivals.Count(p => inbox.Add(TestRuns.Batch("run", 1, p, matches: [0, 1])) == Arrival.Kept);
            Assert.Equal((prompts, prompts), (kept, inbox.Arrived(1)));
            Assert.Equal(Enumerable.Range(0, prompts), inbox.Take(1).Select(b => b.PromptIndex));
            Assert.Equal(2 * repetitions, inbox.DuplicatesDropped);
            Assert.Equal(0, inbox.Arrived(1));
        });

    [Fact]
    public void Every_triplet_is_made_once_or_counted_as_a_duplicate() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[0, 5], Gen.Int[0, 3]).Array[0, 40].Sample(arrivals =>
        {
            var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, 0);
            var (sent, taken) = (0L, 0L);
            for (var step = 1; step <= 4; step++)
            {
                foreach (var (at, prompt, matches) in arrivals)
                    if (at >= step || inbox.Arrived(at) == 0)
                    {
                        inbox.Add(TestRuns.Batch("run", at, prompt, matches: [.. Enumerable.Range(0, matches)]));
                        sent += matches;
                    }
                taken += inbox.Take(step).Sum(b => b.Triplets.Count);
            }
            Assert.Equal(sent, taken + inbox.DuplicatesDropped);
        });

    [Fact]
    public void A_step_that_is_done_takes_nothing_more()
    {
        var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, lastStepDone: 3);
        Assert.Equal(Arrival.Duplicate, inbox.Add(TestRuns.Batch("run", 3, 0, matches: [0])));
        Assert.Equal(Arrival.Kept, inbox.Add(TestRuns.Batch("run", 4, 0, matches: [0])));
        Assert.Single(inbox.Take(4));
        Assert.Equal(Arrival.Duplicate, inbox.Add(TestRuns.Batch("run", 4, 1, matches: [0, 1])));
        Assert.Equal(3, inbox.DuplicatesDropped);
    }

    [Fact]
    public void A_later_steps_batch_waits_for_its_step()
    {
        var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, 0);
        Assert.Equal(Arrival.Kept, inbox.Add(TestRuns.Batch("run", 2, 0, matches: [0])));
        Assert.Empty(inbox.Take(1));
        Assert.Equal(2, Assert.Single(inbox.Take(2)).Step);
    }

    [Fact]
    public void Another_stages_batch_is_neither_kept_nor_counted()
    {
        var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, 0);
        Assert.Equal(Arrival.OtherStage, inbox.Add(TestRuns.Batch("run", 1, 0, stage: "another", matches: [0])));
        Assert.Equal((0, 0L), (inbox.Arrived(1), inbox.DuplicatesDropped));
    }

    [Theory]
    [InlineData(TestRuns.Epoch - 1, TestRuns.Stage, Arrival.OtherStage)]
    [InlineData(TestRuns.Epoch - 1, "another", Arrival.OtherStage)]
    [InlineData(TestRuns.Epoch + 1, TestRuns.Stage, Arrival.LaterEpoch)]
    [InlineData(TestRuns.Epoch + 1, "another", Arrival.LaterEpoch)]
    public void Another_epochs_batch_is_neither_kept_nor_counted(long epoch, string stage, Arrival expected)
    {
        var inbox = new TripletInbox(TestRuns.Stage, TestRuns.Epoch, lastStepDone: 1);
        Assert.Equal(expected, inbox.Add(TestRuns.Batch("run", 1, 0, stage: stage, epoch: epoch, matches: [0])));
        Assert.Equal(expected, inbox.Add(TestRuns.Batch("run", 2, 0, stage: stage, epoch: epoch, matches: [0])));
        Assert.Equal((0, 0L), (inbox.Arrived(2), inbox.DuplicatesDropped));
    }

    [Theory]
    [InlineData(0, 1, 3)]
    [InlineData(1, 2, 2)]
    [InlineData(3, 4, 0)]
    [InlineData(null, 4, 0)]
    public void Staleness_is_that_of_the_older_completion(int? allowed, int fresh, int stale)
    {
        Triplet Of(int match, long chosen, long rejected) =>
            TestRuns.Triplet(0, match, chosen) is var t ? t with { Rejected = t.Rejected with { PolicyVersion = rejected } } : null!;
        var batch = TestRuns.Batch("run", 1, 0) with { Triplets = [Of(3, 5, 2), Of(2, 3, 5), Of(1, 5, 4), Of(0, 5, 5)] };
        var (kept, refused) = TripletInbox.ByStaleness([batch], 5, allowed);
        Assert.Equal(Enumerable.Range(0, fresh), kept.Select(t => t.Match));
        Assert.Equal(stale, refused);
    }
}
