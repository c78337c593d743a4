using SelfJudge.Preferences.Recipes;
using SelfJudge.World.Reproduction;

namespace SelfJudge.World.Tests.Reproduction;

public sealed class SettingGridTests
{
    private static Recipe RecipeOf(string name) => RecipeFile.Load(Path.Combine(AppContext.BaseDirectory, "recipes", name + ".yaml"));

    [Fact]
    public void A_setting_is_put_on_its_stages_and_on_no_others()
    {
        var recipe = RecipeOf("iterate");
        var settings = new SettingGrid("iterate", ["Round 1", "Round 3"], [1e-5, 2e-5], [0.2, 0.4]).Of(recipe).ToList();
        Assert.Equal([(1e-5, 0.2), (1e-5, 0.4), (2e-5, 0.2), (2e-5, 0.4)], settings.Select(s => (s.LearningRate, s.Beta!.Value)));
        var stages = settings[1].Recipe.Stages.ToDictionary(s => s.Name);
        Assert.Equal((1e-5, 0.4, 1e-5, 0.4), (stages["Round 1"].LearningRate, stages["Round 1"].Loss.Beta, stages["Round 3"].LearningRate,
            stages["Round 3"].Loss.Beta));
        Assert.Equal(recipe.Stages.Single(s => s.Name == "Round 2"), stages["Round 2"]);
        Assert.Equal(recipe.Stages.Single(s => s.Name == "JSFT"), stages["JSFT"]);
    }

    [Fact]
    public void Without_betas_the_loss_stays()
    {
        var recipe = RecipeOf("raft");
        var settings = new SettingGrid("raft", ["RAFT"], [1e-5], []).Of(recipe).ToList();
        Assert.Null(Assert.Single(settings).Beta);
        Assert.Equal(recipe.Stages[^1].Loss, settings[0].Recipe.Stages[^1].Loss);
    }

    // A recipe whose setting was not tried has not been chosen.
    [Fact]
    public void Every_recipe_has_a_setting_of_its_grid() => Assert.All(SettingGrid.All, grid =>
    {
        var recipe = RecipeOf(grid.Recipe);
        Assert.Single(grid.Of(recipe), s => grid.Has(recipe, s.LearningRate, s.Beta));
        Assert.All(grid.Stages, stage =>
            Assert.True(grid with { Stages = [stage] } is var one && one.Of(recipe).Any(s => one.Has(recipe, s.LearningRate, s.Beta)),
                $"{grid.Recipe}: {stage}"));
    });
}
