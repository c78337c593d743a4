using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.World.Reproduction;

namespace SelfJudge.World.Tests.Reproduction;

public sealed class StageRunTests
{
    private static Recipe Recipe(int sftSteps = 5, ulong seed = 1) => RecipeFile.Parse($$"""
        seed: {{seed}}
        data: {world_pairs: 10}
        stages:
          - {name: SFT, method: sft, steps: {{sftSteps}}, learning_rate: 1, policy_examples: 1}
          - {name: JM, method: jsft, steps: 5, learning_rate: 1, policy_examples: 1, judge_pairs: 1, judge_templates: [world-helpful], measure_every: 2}
          - {name: RM, method: rm, from: SFT, steps: 5, learning_rate: 1, prompts: 1}
          - {name: PPO, method: ppo, from: JM, reward: RM, steps: 5, learning_rate: 1, prompts: 1, samples: 1}
        """, "r.yaml");

    private static IReadOnlyList<StageRun> Runs(Recipe recipe, string stage, string root = "/out") => StageRun.Of(recipe, stage, root);

    [Fact]
    public void What_a_stage_needs_comes_before_it_and_nothing_else()
    {
        Assert.Equal(["SFT"], Runs(Recipe(), "SFT").Select(r => r.Stage));
        Assert.Equal(["SFT", "RM"], Runs(Recipe(), "RM").Select(r => r.Stage));
        Assert.Equal(["SFT", "RM", "JM", "PPO"],
            Runs(Recipe(), "PPO").Select(r => r.Stage).Order(StringComparer.Ordinal)
            .OrderBy(n => n switch { "SFT" => 0, "RM" => 1, "JM" => 2, _ => 3 }));
        Assert.Equal("PPO", Runs(Recipe(), "PPO")[^1].Stage);
    }

    [Fact]
    public void A_stage_alone_starts_from_the_model_that_another_run_leaves()
    {
        var runs = Runs(Recipe(), "PPO");
        string FolderOf(string stage) => Path.Combine("/out", runs.Single(r => r.Stage == stage).Folder, "final");
        var ppo = runs[^1].Recipe;
        Assert.Equal(FolderOf("JM"), ppo.Model.Path);
        Assert.Equal((null, FolderOf("RM")), (ppo.Stages.Single().From, ppo.Stages[0].Reward));
        Assert.Equal(["world-helpful"], ppo.Judge.Templates); // those of the stage that it starts from
        Assert.Null(runs.Single(r => r.Stage == "SFT").Recipe.Model.Path);
        Assert.Equal(0, runs.Single(r => r.Stage == "JM").Recipe.Stages[0].MeasureEvery); // a table shows what a judge comes to
        // a recipe that a run accepts
        Assert.Equal(RecipeFile.Render(ppo), RecipeFile.Render(RecipeFile.Parse(RecipeFile.Render(ppo), "ppo")));
    }

    [Fact]
    public void The_folder_says_what_a_stage_is()
    {
        string FolderOf(Recipe recipe, string stage, string root = "/out") => Runs(recipe, stage, root)[^1].Folder;
        Assert.Equal(FolderOf(Recipe(), "PPO"), FolderOf(Recipe() with { Name = "another file" }, "PPO", "/elsewhere"));
        Assert.NotEqual(FolderOf(Recipe(), "SFT"), FolderOf(Recipe(sftSteps: 6), "SFT"));
        Assert.NotEqual(FolderOf(Recipe(), "PPO"), FolderOf(Recipe(sftSteps: 6), "PPO")); // by its reward model's start
        Assert.Equal(FolderOf(Recipe(), "JM"), FolderOf(Recipe(sftSteps: 6), "JM"));
        Assert.NotEqual(FolderOf(Recipe(), "JM"), FolderOf(Recipe(seed: 2), "JM"));
        Assert.StartsWith("ppo-", FolderOf(Recipe(), "PPO"));
    }

    [Fact]
    public void An_adapter_cannot_stand_alone()
    {
        var recipe = Recipe();
        recipe = recipe with { Stages = [recipe.Stages[0] with { Adapter = new AdapterRecipe() }] };
        Assert.Contains("stage SFT trains an adapter", Assert.Throws<RecipeException>(() => Runs(recipe, "SFT")).Message);
    }

    [Fact]
    public void A_stage_of_one_name_is_the_same_in_every_recipe_of_the_tables()
    {
        var recipes = PaperTables.All.SelectMany(t => t.Cells).Select(c => c.Recipe).Distinct()
            .Where(r => !r.StartsWith("size-", StringComparison.Ordinal) && r != "jsft-extra")
            .ToDictionary(r => r, r => RecipeFile.Load(Path.Combine(AppContext.BaseDirectory, "recipes", r + ".yaml")));
        foreach (var stage in recipes.SelectMany(r =>
            r.Value.Stages.Select(s => (Recipe: r.Key, Run: StageRun.Of(r.Value, s.Name, "/r")[^1]))).GroupBy(s => s.Run.Stage))
            Assert.True(stage.Select(s => s.Run.Folder).Distinct().Count() == 1,
                $"{stage.Key} differs: {string.Join(", ", stage.Select(s => $"{s.Recipe} {s.Run.Folder}"))}");
        Assert.All(PaperTables.All.SelectMany(t => t.Cells).Where(c => recipes.ContainsKey(c.Recipe)), c =>
            Assert.Contains(recipes[c.Recipe].Stages, s => s.Name == c.Stage));
    }
}
