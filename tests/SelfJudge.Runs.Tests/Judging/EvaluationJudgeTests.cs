using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Tests.Judging;

public sealed class EvaluationJudgeTests
{
    [Theory]
    [InlineData(100, null, "oracle", true, typeof(JudgeRef.Oracle))]
    [InlineData(100, "JSFT", "JSFT", false, typeof(JudgeRef.Stage))]
    [InlineData(0, null, "JSFT", false, typeof(JudgeRef.Stage))]
    [InlineData(0, "start", "/models/start", false, typeof(JudgeRef.Start))]
    [InlineData(0, "/models/start", "/models/start", false, typeof(JudgeRef.Start))] // what the run starts from
    [InlineData(0, "/models/x/../start", "/models/start", false, typeof(JudgeRef.Start))]
    [InlineData(0, "/models/start/", "/models/start", false, typeof(JudgeRef.Start))]
    [InlineData(0, "/models/other", "/models/other", true, typeof(JudgeRef.Folder))]
    public void The_judge_is_as_the_recipe_says(int worldPairs, string? named, string name, bool isIndependent, Type kind)
    {
        var judge = Of(Recipe(worldPairs, StageMethod.Jsft), named);
        Assert.Equal((name, isIndependent, kind, name == "oracle"),
            (judge.Name, judge.IsIndependent, judge.Judge.GetType(), judge.IsOracle));
        Assert.Equal(!isIndependent, judge.Description.EndsWith("the model's own judge; not independent", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_jsft_stage_the_model_that_the_run_starts_from_judges()
    {
        var judge = Of(Recipe(0, StageMethod.Sft), null);
        Assert.Equal(("/models/start", typeof(JudgeRef.Start), false), (judge.Name, judge.Judge.GetType(), judge.IsIndependent));
    }

    [Theory]
    [InlineData(100, StageMethod.SelfJudge, "oracle", null, "the world's gold oracle, which judged in training too; not independent")]
    [InlineData(0, StageMethod.SelfJudge, "/models/other", "/models/x/../other",
        "/models/other, which judged in training too; not independent")]
    [InlineData(0, StageMethod.SelfJudge, "/models/other/", "/models/other",
        "/models/other, which judged in training too; not independent")]
    [InlineData(0, StageMethod.Raft, "/models/other", "/models/other", "/models/other, which judged in training too; not independent")]
    public void One_that_judged_or_rewarded_in_training_is_not_independent(int worldPairs, StageMethod method, string trains,
        string? evaluates, string description)
    {
        var recipe = Recipe(worldPairs, method);
        var judge = Of(recipe with { Stages = [recipe.Stages[0] with { Judge = trains, Reward = trains }] }, evaluates);
        Assert.Equal((false, description), (judge.IsIndependent, judge.Description));
    }

    private static EvaluationJudge Of(Recipe recipe, string? named) =>
        EvaluationJudge.Of(recipe with { Evaluation = new EvaluationRecipe { Judge = named } });

    private static Recipe Recipe(int worldPairs, StageMethod method) => new()
    {
        Data = new DataRecipe { WorldPairs = worldPairs },
        Model = new ModelRecipe { Path = "/models/start" },
        Stages = [new StageRecipe { Name = "JSFT", Method = method }],
    };
}
