using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class RewardThresholdTests
{
    [Theory]
    [InlineData(0.0, 1.0)]
    [InlineData(0.7, 3.8)]   // at 0.7·4 = 2.8 between 3 and 4
    [InlineData(0.75, 4.0)]
    [InlineData(1.0, 5.0)]
    public void Quantiles_are_linear_between_order_statistics(double q, double expected) =>
        Assert.Equal(expected, RewardThreshold.Quantile([3, 1, 5, 2, 4], q), 12);

    [Fact]
    public void Above_keeps_the_order_and_what_equals_the_threshold()
    {
        Assert.Equal([0, 2, 4], RewardThreshold.Above([3, 1, 5, 2, 4], 0.5));
        Assert.Equal([0, 1, 2], RewardThreshold.Above([1, 1, 1], 0.9));
    }

    [Fact]
    public void Without_rewards_there_is_no_quantile() => Assert.Throws<ArgumentException>(() => RewardThreshold.Quantile([], 0.5));
}
