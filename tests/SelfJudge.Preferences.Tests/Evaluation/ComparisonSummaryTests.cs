using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Tests.Evaluation;

public sealed class ComparisonSummaryTests
{
    private static readonly JudgeProbabilities A = new(1, 0), B = new(0, 1);

    [Fact]
    public void Ties_count_half_and_what_has_no_verdict_is_left_out()
    {
        var summary = ComparisonSummary.Of([Letters(A, B), Letters(A, B), Letters(B, A), Letters(A, A), new PairJudgment(Verdict.Identical),
            new PairJudgment(null, ["C", "D"])], identical: 1);
        Assert.Equal((6, 2, 2, 1, 1, 1, 2), (summary.Prompts, summary.Wins, summary.Ties, summary.Losses, summary.Identical,
            summary.NoVerdicts, summary.Unreadable));
        Assert.Equal(0.6, summary.WinRate!.Value, 12);
        // Three of the four judged pairs have orders that agree; one chose A both times: (1 + 1)/2 - 1/2 over four.
        Assert.Equal(0.75, summary.SwapConsistency!.Value, 12);
        Assert.Equal(0.125, summary.PositionBias!.Value, 12);
        Assert.Equal(1, summary.JudgeMass!.Value, 12);
        Assert.Equal((1, 0.25), (summary.Inconsistent, summary.InconsistentRate!.Value));
    }

    [Theory]
    // Two of three times it is surer of A where the first stands there.
    [InlineData(InconsistentPairs.Tie, 0.5, 3, 0)]
    [InlineData(InconsistentPairs.Mean, 2 / 3.0, 0, 2)]
    public void A_judge_that_always_says_A_gives_one_half(InconsistentPairs inconsistent, double rate, int ties, int wins)
    {
        PairJudgment Says(double forwardA, double swappedA) =>
            new PairJudgment(Verdict.Of([new TemplateJudgment(null, new(forwardA, 1 - forwardA), new(swappedA, 1 - swappedA))]))
                .Under(inconsistent);
        var summary = ComparisonSummary.Of([Says(0.9, 0.8), Says(0.9, 0.8), Says(0.7, 0.8)], identical: 0);
        Assert.Equal((rate, ties, wins), (summary.WinRate!.Value, summary.Ties, summary.Wins));
        Assert.Equal((3, 1.0, 0.0), (summary.Inconsistent, summary.InconsistentRate!.Value, summary.SwapConsistency!.Value));
    }

    [Fact]
    public void Without_a_verdict_there_is_no_rate()
    {
        var summary = ComparisonSummary.Of([new PairJudgment(null, ["?", "?"])], identical: 0);
        Assert.Equal((1, null, null, null), (summary.NoVerdicts, summary.WinRate, summary.WinRateCi95, summary.InconsistentRate));
    }

    [Theory]
    // Newcombe 1998, table I, method 3 (the score interval): 81/263, 15/148, 0/20, 1/29.
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0.0000, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void The_interval_of_a_share_is_Wilsons(int successes, int trials, double low, double high)
    {
        var estimate = Estimate.OfShare((double)successes / trials, trials);
        Assert.Equal((low, high), (Math.Round(estimate.Low, 4), Math.Round(estimate.High, 4)));
    }

    private static PairJudgment Letters(JudgeProbabilities forward, JudgeProbabilities swapped) =>
        new(Verdict.Of([new TemplateJudgment(null, forward, swapped)]));
}
