using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Tests.Evaluation;

public sealed class EvaluationTests
{
    [Fact]
    public void Win_rate_counts_ties_as_half()
    {
        var wins = WinRate.Of([0.9, 0.5, 0.5, 0.1], [0.5, 0.5, 0.5, 0.5]);
        Assert.Equal(0.5, wins.Mean, 12);
        Assert.Equal(0.625, WinRate.Of([0.9, 0.5, 0.5, 0.6], [0.5, 0.5, 0.9, 0.5]).Mean, 12);
    }

    [Fact]
    public void The_interval_is_the_normal_one()
    {
        // Values 0, 1, 1, 0: mean 1/2, deviation 1/√3, standard error 1/(2√3) = 0.288675; times 1.959964.
        var estimate = Estimate.Of([0, 1, 1, 0]);
        Assert.Equal(0.5 - 0.565793, estimate.Low, 5);
        Assert.Equal(0.5 + 0.565793, estimate.High, 5);
    }

    [Fact]
    public void One_value_has_no_interval() => Assert.Equal(new Estimate(0.3, 0.3, 0.3), Estimate.Of([0.3]));

    [Theory]
    [InlineData("", 0)]
    [InlineData("a b", 0)]
    [InlineData("a b c d e", 0)]
    [InlineData("a b c a b c", 0.25)]   // abc bca cab abc: three of four differ
    [InlineData("x x x x x", 2.0 / 3)]  // xxx three times
    public void Repetition_is_the_share_of_trigrams_seen_before(string text, double expected) =>
        Assert.Equal(expected, Repetition.Of(text), 12);
}
