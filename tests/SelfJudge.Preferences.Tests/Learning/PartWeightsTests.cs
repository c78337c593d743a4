using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class PartWeightsTests
{
    // Context, response, judge token, rationale, judge prompt.
    private static readonly int[] Counts = [100, 20, 4, 8, 40];

    [Fact]
    public void Per_token_every_learned_token_weighs_the_same()
    {
        var weights = new PartWeights(1, 1, 1, 0, PerToken: true).TokenWeights(Counts);
        Assert.Equal([0, 1 / 32.0, 1 / 32.0, 1 / 32.0, 0], weights);
    }

    [Fact]
    public void Otherwise_each_part_is_a_mean_of_its_own()
    {
        var weights = new PartWeights(1, 3, 1, 0.5).TokenWeights(Counts);
        Assert.Equal([0, 1 / 20.0, 3 / 4.0, 1 / 8.0, 0.5 / 40], weights);
    }

    [Fact]
    public void A_part_that_the_batch_does_not_have_weighs_nothing() =>
        Assert.Equal([0, 0.05, 0, 0, 0], new PartWeights().TokenWeights([10, 20, 0, 0, 0]));
}
