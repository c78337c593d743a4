using SelfJudge.Runs.Stages;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class LearnerStateTests
{
    private static readonly LearnerState Open = LearnerState.Closed.Open(epoch: 2);

    [Fact]
    public void A_step_waits_for_all_its_prompts_is_begun_and_makes_room_for_the_next()
    {
        var waiting = Open.Await(step: 1, prompts: 3, made: 0);
        Assert.Equal([true, true, true, false, false], Enumerable.Range(0, 5).Select(arrived => waiting.HasToWait(epoch: 2, arrived)));
        Assert.Equal([false, false, false, true, true], Enumerable.Range(0, 5).Select(arrived => waiting.IsComplete(step: 1, arrived)));
        Assert.False(waiting.IsComplete(step: 2, 3));
        var begun = waiting.Begin();
        Assert.Equal((null, 1), (begun.Awaited, begun.Begun));
        Assert.False(begun.IsComplete(step: 1, 3));
        Assert.Equal((2, 3), begun.Await(step: 2, prompts: 3, made: 1).Awaited);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    public void A_step_out_of_turn_is_refused(int step, int made) =>
        Assert.Equal($"step {step} was asked for, but the stage is at step {made}",
            Assert.Throws<InvalidOperationException>(() => Open.Await(step, 3, made)).Message);

    [Fact]
    public void A_step_is_asked_for_once_until_its_wait_is_given_up()
    {
        var waiting = Open.Await(step: 1, prompts: 3, made: 0);
        Assert.Equal("step 1 was asked for twice", Assert.Throws<InvalidOperationException>(() => waiting.Await(1, 3, made: 0)).Message);
        Assert.Equal("step 1 was asked for twice",
            Assert.Throws<InvalidOperationException>(() => waiting.Begin().Await(1, 3, made: 0)).Message);
        Assert.Equal(Open, waiting.GiveUp(epoch: 2));
        Assert.Equal((1, 2), waiting.GiveUp(epoch: 2).Await(step: 1, prompts: 2, made: 0).Awaited);
    }

    [Fact]
    public void Nothing_is_begun_that_has_not_waited() =>
        Assert.Equal("no step waits for its triplets", Assert.Throws<InvalidOperationException>(Open.Begin).Message);

    [Fact]
    public void Leaving_a_stage_ends_its_waits_and_leaves_those_of_the_next_alone()
    {
        var left = Open.Await(step: 1, prompts: 3, made: 0).Begin().Await(step: 2, prompts: 3, made: 1).Leave();
        Assert.Equal((null, null, 1), (left.Epoch, left.Awaited, left.Begun));
        Assert.False(left.HasToWait(epoch: 2, 0));
        var next = left.Open(epoch: 3).Await(step: 1, prompts: 3, made: 0);
        Assert.Equal((3L, 0), (next.Epoch, next.Begun));
        Assert.False(next.HasToWait(epoch: 2, 0));
        Assert.Equal(next, next.GiveUp(epoch: 2));
    }

    [Fact]
    public void A_stage_is_not_opened_over_another() =>
        Assert.Equal("epoch 3 cannot open a stage before that of epoch 2 is left",
            Assert.Throws<InvalidOperationException>(() => Open.Open(epoch: 3)).Message);

    [Fact]
    public void Every_duplicate_is_counted_once_in_its_opening()
    {
        (var state, var first) = Open.Count(dropped: 4);
        (state, var second) = state.Count(dropped: 6);
        var (_, ofTheNext) = state.Leave().Open(epoch: 3).Count(dropped: 1);
        Assert.Equal((4L, 2L, 1L), (first, second, ofTheNext));
    }

    [Theory]
    [InlineData(Arrival.OtherStage, 9, false, true)]
    [InlineData(Arrival.LaterEpoch, 1, true, false)]
    [InlineData(Arrival.Kept, 1, true, false)]
    [InlineData(Arrival.Duplicate, 2, true, true)]
    [InlineData(Arrival.Duplicate, 2, false, false)]
    [InlineData(Arrival.Duplicate, 3, true, false)]
    public void Only_what_nobody_will_ask_for_or_what_is_durable_is_answered_at_once(Arrival arrival, int step, bool isDurable,
        bool isAnswered) =>
        Assert.Equal(isAnswered, LearnerState.IsAnsweredAtOnce(arrival, step, made: 2, isDurable));
}
