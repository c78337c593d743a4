using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class StatisticalRejectionTests
{
    [Fact]
    public void A_small_beta_accepts_the_best() =>
        Assert.All(Enumerable.Range(0, 50), seed =>
            Assert.Equal([2], StatisticalRejection.Accept([0.1, 0.5, 0.9, 0.2], 1e-3, 1, (ulong)seed)));

    [Fact]
    public void One_draw_follows_exp_of_reward_over_beta()
    {
        // Each round goes through a random order; a candidate met before the best is accepted with probability
        // e^(−1) = 0.3679, the best for sure. With two candidates the lesser one comes first in half of the orders.
        const int Draws = 20_000;
        var lesser = Enumerable.Range(0, Draws).Count(seed => StatisticalRejection.Accept([0.9, 1.0], 0.1, 1, (ulong)seed)[0] == 0);
        // Six standard deviations around 0.5·0.3679.
        Assert.InRange(lesser / (double)Draws, 0.18394 - 0.0165, 0.18394 + 0.0165);
    }

    [Fact]
    public void Accepts_as_many_as_asked_for_and_each_once()
    {
        var accepted = StatisticalRejection.Accept([0, 1, 2, 3, 4], 0.5, 3, 7);
        Assert.Equal(3, accepted.Distinct().Count());
        Assert.Equal(accepted, StatisticalRejection.Accept([0, 1, 2, 3, 4], 0.5, 3, 7));
        Assert.Equal([0, 1], StatisticalRejection.Accept([0, 1], 0.5, 5, 7).Order());
        Assert.Empty(StatisticalRejection.Accept([], 0.5, 1, 7));
    }

    [Fact]
    public void Of_candidates_that_are_all_accepted_at_once_no_more_are_taken_than_asked_for() =>
        Assert.Equal(2, StatisticalRejection.Accept([1, 1, 1, 1, 1], 0.5, 2, 7).Count);

    [Fact]
    public void Beta_must_be_positive() => Assert.Throws<ArgumentOutOfRangeException>(() => StatisticalRejection.Accept([1], 0, 1, 1));
}
