using SelfJudge.Preferences.Judging;

namespace SelfJudge.Preferences.Tests.Judging;

public sealed class JudgeCheckTests
{
    [Theory]
    // Wilson at 0.52 of 200: 0.4511 to 0.5882; at 0.57 of 200: 0.5007 to 0.6367; at 2/3 of 6: 0.3000 to 0.9032.
    [InlineData(0.52, 200, 0.9, "its accuracy of 0.520 on 200 held-out pairs (95 % 0.451–0.588) cannot be told from chance, which is 0.5")]
    [InlineData(0.57, 200, 0.9, null)]
    [InlineData(0.2, 200, 0.9, "its accuracy of 0.200 on 200 held-out pairs (95 % 0.150–0.261) cannot be told from chance, which is 0.5")]
    [InlineData(2 / 3.0, 6, 0.9, "its accuracy of 0.667 on 6 held-out pairs (95 % 0.300–0.903) cannot be told from chance, which is 0.5")]
    [InlineData(0.9, 200, 0.6, null)]
    [InlineData(0.9, 200, 0.59, "its swap consistency of 0.590 is below 0.6 (position bias +0.250)")]
    [InlineData(0.52, 200, 0.04,
        "its accuracy of 0.520 on 200 held-out pairs (95 % 0.451–0.588) cannot be told from chance, which is 0.5, and its swap "
        + "consistency of 0.040 is below 0.6 (position bias +0.250)")]
    public void A_judge_at_chance_or_in_contradiction_with_itself_is_found(double accuracy, int pairs, double consistency,
        string? problem) =>
        Assert.Equal(problem, new JudgeCheck(pairs, accuracy, consistency, 0.25, 0, 1).FindProblem(0.6));

    [Fact]
    public void Its_figures_are_all_of_it()
    {
        var check = new JudgeCheck(200, 0.75, 0.9, -0.125, 0.0625, 1.5);
        Assert.Equal(check, JudgeCheck.Of(check.ToFigures()));
    }
}
