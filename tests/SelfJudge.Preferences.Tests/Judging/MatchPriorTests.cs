using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Judging;

public sealed class MatchPriorTests
{
    [Theory]
    [InlineData(PriorUnit.Sequence, 0.5, -12, 4, -6)]
    [InlineData(PriorUnit.Token, 10, -12, 4, -30)]
    [InlineData(PriorUnit.Token, 10, 0, 0, 0)]
    public void Weighs_a_sum_or_a_mean(PriorUnit per, double weight, double logProb, int tokens, double expected) =>
        Assert.Equal(expected, MatchPrior.Weigh(weight, per, logProb, tokens));

    [Fact]
    public void Says_nothing_unless_it_weighs_something()
    {
        Assert.False(new MatchPrior().IsUsed);
        Assert.True(new MatchPrior { Weight = 0.25 }.IsUsed);
    }

    [Fact]
    public void Stands_in_stages_with_a_bracket_and_in_the_evaluation()
    {
        var recipe = RecipeFile.Parse(Recipe("self-judge", "prior: {weight: 10, of: reference, per: token}"), "r");
        Assert.Equal(new MatchPrior { Weight = 10, Of = PriorModel.Reference, Per = PriorUnit.Token }, recipe.Stages[0].Prior);
        Assert.Equal(new MatchPrior { Weight = 1 }, recipe.Evaluation!.Prior);
        Assert.Equal(new MatchPrior(), RecipeFile.Parse(Recipe("self-judge", ""), "r").Stages[0].Prior);
        Assert.Contains("a stage of method rso does not have it; it goes with off-policy, self-judge",
            Assert.Throws<RecipeException>(() => RecipeFile.Parse(Recipe("rso", "prior: {weight: 1}"), "r")).Message);
    }

    [Theory]
    [InlineData("judge: oracle, prior: {weight: 1}", "stages[0].prior: it is added to a judge's log-odds, and the oracle gives none")]
    [InlineData("judge: chat, prior: {weight: 1}",
        "stages[0].prior: it is added to a judge's log-odds, and an endpoint gives letters without any: name a model as judge")]
    [InlineData("prior: {weight: -1}", "stages[0].prior.weight: must be a number from 0 to 1000, not '-1'")]
    public void Is_refused_where_the_judge_has_no_log_odds(string keys, string problem) =>
        Assert.Contains(problem, Assert.Throws<RecipeException>(() => RecipeFile.Parse(Recipe("self-judge", keys), "r")).Message);

    [Fact]
    public void A_weight_of_zero_goes_with_any_judge() => RecipeFile.Parse(Recipe("self-judge", "judge: oracle, prior: {weight: 0}"), "r");

    private static string Recipe(string method, string keys) => $$"""
        data: {world_pairs: 10}
        judge: {endpoints: [{name: chat, address: "http://127.0.0.1:1/v1", model: m}]}
        stages:
          - {name: S, method: {{method}}, steps: 2, prompts: 2, learning_rate: 1e-4, samples: 4, {{keys}} }
        evaluation: {baseline: start, prior: {weight: 1} }
        """;
}
