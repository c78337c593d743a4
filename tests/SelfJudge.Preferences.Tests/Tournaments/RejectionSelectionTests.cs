using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Tests.Tournaments;

public sealed class RejectionSelectionTests
{
    private static Verdict Against(double score) => Verdict.Of([new TemplateJudgment(null, new(score, 1 - score), new(1 - score, score))]);

    [Fact]
    public void The_best_against_the_baseline_is_accepted_and_another_one_rejected()
    {
        var selection = RejectionSelection.Of(["a", "b", "c", "d"], baseline: 1, [Against(0.2), Against(0.9), Against(0.6)], beta: 1e-3,
            seed: 5);
        Assert.Equal([0.2, 0.5, 0.9, 0.6], selection.Scores);
        Assert.Equal(2, selection.Accepted);
        Assert.Contains(selection.Rejected, new[] { 0, 1, 3 });
        Assert.True(selection.OrdersAgree);
    }

    [Fact]
    public void The_orders_agree_where_they_do_of_both_the_accepted_and_the_rejected()
    {
        // Of the second it says A both times.
        var saysA = Verdict.Of([new TemplateJudgment(null, new(0.7, 0.3), new(0.6, 0.4))]);
        Assert.True(RejectionSelection.Of(["a", "b"], 0, [Against(0.9)], 1e-3, 1).OrdersAgree);
        Assert.False(RejectionSelection.Of(["a", "b"], 0, [saysA], 1e-3, 1).OrdersAgree); // accepted
        foreach (var selection in Enumerable.Range(0, 50)
            .Select(seed => RejectionSelection.Of(["a", "b", "c"], 0, [saysA, Against(0.9)], 1e-3, (ulong)seed)))
            Assert.Equal((2, selection.Rejected == 0), (selection.Accepted, selection.OrdersAgree));
    }

    [Fact]
    public void Every_other_sample_is_rejected_as_often() =>
        Assert.All(Enumerable.Range(0, 3000).GroupBy(seed =>
            RejectionSelection.Of(["a", "b", "c", "d"], 1, [Against(0.2), Against(0.9), Against(0.6)], 1e-3, (ulong)seed).Rejected), g =>
        {
            Assert.NotEqual(2, g.Key);
            Assert.InRange(g.Count(), 850, 1150); // six standard deviations around a third
        });

    [Fact]
    public void A_baseline_that_beats_all_is_itself_accepted() =>
        Assert.Equal(0, RejectionSelection.Of(["a", "b", "c"], 0, [Against(0.1), Against(0.3)], 1e-3, 1).Accepted);

    [Fact]
    public void A_sample_equal_to_the_baseline_is_level_with_it() =>
        Assert.Equal([0.5, 0.5, 0.3], RejectionSelection.Of(["a", "a", "c"], 0, [Verdict.Identical, Against(0.3)], 1e-3, 1).Scores);

    [Fact]
    public void Every_sample_is_the_baseline_of_some_seed() =>
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 60).Select(seed => RejectionSelection.Baseline(4, (ulong)seed)).Distinct().Order());
}
