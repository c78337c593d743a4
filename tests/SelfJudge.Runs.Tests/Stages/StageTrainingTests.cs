using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class StageTrainingTests
{
    /// <summary>What has no reference is not given one, and so it is not kept in memory for it.</summary>
    [Theory]
    [InlineData("sigmoid", "initial")]
    [InlineData("kto", "initial")]
    [InlineData("simpo", null)]
    [InlineData("orpo", null)]
    public void A_stage_asks_for_a_reference_where_its_loss_compares_with_one(string kind, string? reference)
    {
        var recipe = RecipeFile.Parse(
            $"{{data: {{world_pairs: 10}}, stages: [{{name: S, method: dpo, steps: 1, learning_rate: 1, prompts: 2, loss: {{kind: "
            + $"{kind}}}}}]}}", "r.yaml");
        Assert.Equal(reference, StageSpec.Of("run", recipe, recipe.Stages[0], "initial").Reference);
    }
}
