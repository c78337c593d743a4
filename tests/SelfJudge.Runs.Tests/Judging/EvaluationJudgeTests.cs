using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Tests.Judging;

public sealed class EvaluationJudgeTests
{
    [Theory]
    [InlineData(100, null, "oracle", true, null, null)]
    [InlineData(100, "JSFT", "JSFT", false, "JSFT", null)]
    [InlineData(0, null, "JSFT", false, "JSFT", null)]
    [InlineData(0, "/models/start", "/models/start", false, null, null)] // what the run starts from
    [InlineData(0, "/models/x/../start", "/models/start", false, null, null)]
    [InlineData(0, "/models/other", "/models/other", true, null, "/models/other")]
    public void The_judge_is_as_the_recipe_says(int worldPairs, string? named, string name, bool isIndependent, string? stage, string? folder)
    {
        var judge = EvaluationJudge.Of(Recipe(worldPairs, StageMethod.Jsft), new EvaluationRecipe { Judge = named });
        Assert.Equal((name, isIndependent, stage, folder, name == "oracle"), (judge.Name, judge.IsIndependent, judge.Stage, judge.Folder, judge.IsOracle));
        Assert.Equal(!isIndependent, judge.Description.EndsWith("the model's own judge; not independent", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_jsft_stage_the_model_that_the_run_starts_from_judges()
    {
        var judge = EvaluationJudge.Of(Recipe(0, StageMethod.Sft), new EvaluationRecipe());
        Assert.Equal(("/models/start", null, null, false), (judge.Name, judge.Stage, judge.Folder, judge.IsIndependent));
    }

    [Fact]
    public void An_oracle_that_judged_in_training_is_not_independent()
    {
        var recipe = Recipe(100, StageMethod.SelfJudge);
        var judge = EvaluationJudge.Of(recipe with { Stages = [recipe.Stages[0] with { Judge = "oracle" }] }, new EvaluationRecipe());
        Assert.Equal((true, false), (judge.IsOracle, judge.IsIndependent));
        Assert.Equal("the world's gold oracle, which judged in training too; not independent", judge.Description);
    }

    private static Recipe Recipe(int worldPairs, StageMethod method) => new()
    {
        Data = new DataRecipe { WorldPairs = worldPairs },
        Model = new ModelRecipe { Path = "/models/start" },
        Stages = [new StageRecipe { Name = "JSFT", Method = method }],
    };
}
