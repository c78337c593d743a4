using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.World.Tests;

public sealed class PolicyScoresTests
{
    [Fact]
    public void Without_an_oracle_a_policy_has_length_repetition_and_a_judges_win_rate()
    {
        var policy = new PolicyScores("JSFT", null, ["a b c a b c", "one\ntwo"]);
        var result = policy.With(new Estimate(0.7, 0.6, 0.8));
        Assert.Equal((null, 0, 0.7, 4.0, 0.125, 2),
            (result.GoldMean, result.GoldByPrinciple.Count, result.WinRate, result.MeanLength, result.Repetition, result.NPrompts));
        Assert.Equal([0.6, 0.8], result.WinRateCi95);
        Assert.Equal(new AnswerResult("JSFT", "one\ntwo", null), policy.Answer(1));
    }

    [Fact]
    public void A_policy_is_scored_prompt_by_prompt_against_the_baseline()
    {
        var prompts = WorldPrompts.Enumerate().Where(p => p.Text is "what colour is the cat ?" or "is the cat an animal ?").ToList();
        Assert.Equal(2, prompts.Count);
        var baseline = new PolicyScores("SFT", prompts, ["the cat is white .", "yes , the cat is an animal ."]);
        var policy = new PolicyScores("better", prompts, ["the cat is black .", "yes , the cat is an animal ."]);
        var result = policy.Against(baseline);
        Assert.Equal(0.75, result.WinRate, 12);
        Assert.Equal(0.85, result.GoldMean!.Value, 12); // (0.4 + 1 + 1 + 1)/4 for both
        Assert.Equal(0.4, result.GoldByPrinciple["helpfulness"], 12);
        Assert.Equal(["helpfulness", "honesty", "instruction_following", "truthfulness"], result.GoldByPrinciple.Keys);
        Assert.Equal(6.5, result.MeanLength, 12); // five words and eight
        Assert.Equal(2, result.NPrompts);
    }
}
