using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Tests.Statistics;

/// <summary>Intervals by hand; Student's quantiles are those of tables, 12.706204736 at one degree of freedom and 4.302652730 at
/// two.</summary>
public sealed class EstimateTests
{
    private static void AssertIs(double mean, double half, Estimate estimate)
    {
        Assert.Equal(mean, estimate.Mean, 12);
        Assert.Equal(mean - half, estimate.Low, tolerance: 1e-6);
        Assert.Equal(mean + half, estimate.High, tolerance: 1e-6);
    }

    [Fact]
    public void The_mean_of_many_has_the_normal_interval()
    {
        AssertIs(2, 1.959963985 / Math.Sqrt(3), Estimate.Of([1, 2, 3])); // of a standard deviation of 1
        AssertIs(2, 1.959963985, Estimate.Of([1, 3])); // √2 / √2
        AssertIs(5, 0, Estimate.Of([5]));
    }

    [Fact]
    public void The_mean_of_a_few_has_students_interval()
    {
        AssertIs(2, 4.302652730 / Math.Sqrt(3), Estimate.OfFew([1, 2, 3]));
        AssertIs(2, 12.706204736, Estimate.OfFew([1, 3]));
        AssertIs(5, 0, Estimate.OfFew([5]));
    }

    /// <summary>
    /// The seeds' means are 3 and 5, whose mean has a variance of 2/2 = 1 at one degree of freedom; the prompts' are 2, 3 and 7:
    /// 14/2/3 = 7/3 at two. Together 10/3 at (10/3)² / (1 + (7/3)²/2) = 2.985075 degrees, of which Student's quantile is 3.191467156.
    /// </summary>
    [Fact]
    public void The_mean_over_seeds_and_prompts_has_the_variance_of_both() =>
        AssertIs(4, 3.191467156 * Math.Sqrt(10 / 3.0), Estimate.OfCrossed([[1, 2, 6], [3, 4, 8]]));

    [Fact]
    public void One_seed_leaves_the_prompts_alone_and_one_prompt_the_seeds()
    {
        AssertIs(3, 4.302652730 * Math.Sqrt(7 / 3.0), Estimate.OfCrossed([[1, 2, 6]]));
        AssertIs(3, 4.302652730 * Math.Sqrt(7 / 3.0), Estimate.OfCrossed([[1], [2], [6]]));
        AssertIs(2, 12.706204736, Estimate.OfCrossed([[1, 3]])); // √(2/2) at one degree of freedom
        AssertIs(2, 0, Estimate.OfCrossed([[2, 2], [2, 2]]));
    }
}
