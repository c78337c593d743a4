using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.World.Reproduction;

namespace SelfJudge.World.Tests.Reproduction;

public sealed class StageBudgetTests
{
    private static double Optimizer(StageRecipe stage) => StageBudget.Of(stage)["optimizer_steps"];

    [Fact]
    public void Optimizer_steps_are_those_that_change_weights()
    {
        Assert.Equal(60, Optimizer(new StageRecipe { Method = StageMethod.Raft, Steps = 60, Prompts = 32, Samples = 8 }));
        Assert.Equal(36, Optimizer(new StageRecipe { Method = StageMethod.Rest, Steps = 96, GrowSteps = 60, Prompts = 32, Samples = 8 }));
        // 64 responses a step, in mini-batches of 24, 24 and 16, twice over.
        Assert.Equal(360, Optimizer(new StageRecipe
        {
            Method = StageMethod.Ppo,
            Steps = 60,
            Prompts = 32,
            Samples = 2,
            Ppo = new PpoOptions { MiniBatch = 24, InnerEpochs = 2 }
        }));
    }

    [Fact]
    public void Rollouts_count_prompts_and_samples_and_offline_stages_pairs()
    {
        var rest = StageBudget.Of(new StageRecipe { Method = StageMethod.Rest, Steps = 96, GrowSteps = 60, Prompts = 32, Samples = 8 });
        Assert.Equal((1920, 15_360), (rest["prompts"], rest["samples"]));
        Assert.Equal(1920, StageBudget.Of(new StageRecipe { Method = StageMethod.Dpo, Steps = 60, Prompts = 32 })["pairs"]);
        var judge = StageBudget.Of(new StageRecipe
        {
            Method = StageMethod.Jsft,
            Steps = 10,
            PolicyExamples = 3,
            JudgePairs = 2,
            JudgeTemplates = ["a", "b"]
        });
        Assert.Equal((30, 40), (judge["policy_examples"], judge["judged_pairs"]));
    }
}
